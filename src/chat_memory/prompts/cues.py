"""What shows that a common label is the user's own: cues over the words of a clause, with `<` and `>` around the value.

`i live in <rome>` shows a home, `i moved my car to <oslo>` does not. A table, not a parser: what no cue shows is an
assumption.
"""

import re
from typing import NamedTuple

from chat_memory.prompts.scopes import INTERJECTIONS
from chat_memory.prompts.words import strip_ending


class Claim(NamedTuple):
    """Labels that claim the same, and what a clause must have around the value to bear them out.

    With `alone`, a sentence that says nothing beside the value is read with the whole turn; `written` shows it where
    the user wrote the value as a name, with a capital.
    """

    labels: frozenset[str]
    cue: re.Pattern[str]
    alone: bool = False
    written: re.Pattern[str] | None = None


_I = r"(?<!once )(?<!when )(?<!until )(?<!before )(?<!till )(?<!where )(?:^|(?<= ))(?:i|we|i've|we've)"
_AM = r"(?:^|(?<= ))(?:i am|i'm|im|we are|we're)"
_STILL = (
    r"(?: (?:have|been|currently|now|also|still|actually|just|recently|usually|always|really|generally|both|all|only"
    r"|mostly|mainly|strictly|already|permanently|temporarily|happily))*"
)
AROUND = "¶ "
"""Before the words around a clause of nothing but its value: `Email: ana@x.org` is that, `Email ana@x.org` an order."""
_AT_LEAD = rf"^(?:{AROUND})?(?:(?:{'|'.join(sorted(INTERJECTIONS))}|the) )*"
_KIND = r"(?:(?:own|new|current|full|first|last|real|legal|total|whole|max|maximum|final|work|home|personal|private) )*"
_ASKED = rf"{_AT_LEAD}(?:(?:let 's|let us|(?:can|could|would|will) you(?: please)?|i'd like to|(?:i|we) want to) )?"
_IS = (
    r"(?: (?:(?:was|were)(?= (?:moved|changed|pushed|extended|raised|reduced|lowered|set|updated))"
    r"|is|'s|are|am|be|will|would|has|have|been|got|now|still|just|actually|also|only|exactly|changed|moved"
    r"|switched|updated|set|went|raised|increased|reduced|lowered|pushed|back|up|down|to|in|on|it|not \S+ but"
    r"|about|around|roughly|approximately|under|over|near|a|an|the|by|for|as|with|called|named|being|or so|max|maximum"
    r"|at most|at least|most|limited|fixed|extended))*"
)
_FOR_WHAT = r"(?: (?:for|on)(?: [a-z']+){1,3}?(?= (?:is|'s|are|has|was|will|got|changed|moved|went)\b))?"


def _named(labels: str, lead: str = rf"(?:{_AT_LEAD}|(?:my|our) )") -> str:
    """Write the cue of an attribute that is called by its name: `my budget for the trip is <`, `<$ 500> budget`."""
    return (
        rf"{lead}{_KIND}(?:{labels})(?: (?:(?:and|or) )?(?:{labels}))*{_FOR_WHAT}{_IS} <"
        rf"|> (?:is|are|'s) (?:my|our) {_KIND}(?:{labels})\b"
    )


def _claim(labels: str, *cues: str, alone: bool = False, written: str = "") -> Claim:
    named = re.compile(written) if written else None
    return Claim(frozenset(map(strip_ending, labels.split())), re.compile("|".join(cues)), alone, named)


_SPOT = (
    r"(?: (?:alone|here|together|right|just|close|in|at|on|near|around|of|the|a|an|small|big|little|house|flat"
    r"|apartment|room|studio|suburbs?|outskirts|cent(?:er|re)|middle|heart|area|north|south|east|west"
    r"|with (?:my|our) [a-z]+(?: [a-z]+)?))*? (?:in|at|near|around|outside|of)"
    r" (?:the |downtown |central |(?:city|town|village) of )?<"
)
_WAY = (
    r"(?: (?:back|here|over|out|away|house|home|with (?:my|our) [a-z]+|from (?!<)\S+(?: [a-z]+)?|in \d+"
    r"|(?:last|this) [a-z]+|\w+ (?:years?|months?|weeks?|days?) ago))*"
)
_HOMES = (
    rf"{_I}{_STILL} (?:live|living|lived|reside|residing|resided|settled){_SPOT}",
    rf"{_AM}{_STILL} (?:living|residing|based|located|settled){_SPOT}",
    rf"{_I}{_STILL} (?:moved|relocated){_WAY} to (?:the )?<",
    _named("home|house|hometown|residence|city|town"),
)
_PERSONS = r"people|persons?|guests?|adults|friends|of us|of you"
_NEXT = r"(?= (?:at|on|in|please|and|to|from|this|next|tomorrow|tonight|for|starting|now|instead|total|only|or)\b|$)"
_SOME = rf"<(?:[^>]*(?:{_PERSONS})>|[^>]*>(?: (?:{_PERSONS})\b|{_NEXT}))"
_FEW = r"(?: (?:about|exactly|only|just|the|a|total|of|up|to|around|another|me|us|now))*"
_TONGUE = (
    r"<(?:\w+(?:ish|ese|[aeiou]an|man|ch|bic|hindi)|hindi|urdu|greek|hebrew|latin|thai|tamil|turkish|swahili|malay"
    r"|tagalog|welsh|basque|bengali|punjabi|farsi|nepali|somali)\b"
)
_NO_NAMES = (
    "later|back|again|soon|now|when|whenever|if|at|on|after|before|asap|anytime|today|tonight|tomorrow|first|once|here"
    "|by|an?|the|crazy|maybe|taxi|cab|any|every|only|not|your|my"
)
_NO_JOBS = (
    "(?:patient|tourist|parent|kid|child|bit|little|lot|fan|mess|vegan|vegetarian|pescatarian|beginner|newcomer|guest|customer|stranger|friend|member"
    r"|user|week|day|month|year|minute|mother|father|man|woman|person)\b"
)
_NO_EMPLOYERS = (
    r"(?:\w+ )?(?:desk|table|computer|laptop|screen|pace|time)\b|home|night|free|fun|least|all|now|once|myself|\d"
)
_DIETS = (
    r"(?:(?:an?|strict|strictly|not|mostly) )*(?:vegan|vegetarian|pescatarian|flexitarian|omnivore|carnivore|keto|paleo"
    r"|halal|kosher|c(?:o)?eliac|[a-z]+ (?:free|intolerant)|allergic)\b"
)
_CONTACT = "e|email|mail|phone|telephone|mobile|cell|cellphone|number|address|contact|home|work|sms|whatsapp"
_REACHED = rf"(?: (?:back|please|anytime|directly|an?|at|by|via|on|under|through|or|and|{_CONTACT}|\S*[@\d]\S*))* <"
_OF_MINE = (
    "new|personal|private|other|main|direct|own|current|is|are|'s|now|also|still|just|at|has changed to|changed to"
)
_ALONE = (
    rf"(?:^{AROUND}(?:(?:{_CONTACT}) )*|{_AT_LEAD}(?:(?:{_CONTACT}) (?=is|'s|{_CONTACT}))*)"
    r"(?:(?:it|is|'s|that|this|use|here) )*<[^>]*>(?: (?:please|instead|now|thanks))*$"
)
_CONTACTS = (
    rf"(?:^|(?<= ))(?:me|us)(?: (?:the|an?|my|it)(?: [a-z]+){{0,2}}(?= (?:at|by|via|on)\b))?{_REACHED}",
    rf"(?:^|(?<= ))(?:i am|i'm|i can be|we can be|we are|we're) (?:reached|reachable|available){_REACHED}",
    rf"(?:^|(?<= ))(?:my|our)(?: (?:(?:and|or) )?(?:{_OF_MINE}|{_CONTACT}|\S*[@\d]\S*(?: and)?))+ <",
    _ALONE,
)
_ALLOWED = (
    r"(?: (?:can|could|will|would|want|like|plan|hope|am|are|willing|able|going|prepared|ready|to|only|just|really|also"
    r"|maybe|probably|love|not))+"
)
_UP_TO = (
    r"(?: (?:up|to|at|most|least|about|around|only|just|no|more|than|not|maximum|max|of|a|total|roughly|approximately"
    r"|under|over|less|maybe|exactly))*"
)
_WE = rf"(?:{_I}|{_AM}|(?:^|(?<= ))(?:i'd|we'd|i'll|we'll))"
_SUM = r" <(?!one\b)(?:[^>]*[$€£¥₹₩\d]|[^>]*\b(?:hundred|thousand|dollars|euros|pounds|bucks))"
_MONEY_NEXT = (
    r"[^>]*>(?= (?:at|for|to|on|per|or|max|maximum|left|total|available|and|this|each|all|a|altogether|please|now"
    r"|dollars|euros|pounds)\b|$)"
)
_DUTY = (
    r"(?:need|needs|needed|must|has to|have to|had to|done|finish|finished|ready|submit|submitted|deliver|delivered"
    r"|complete|completed|hand|want|send|please|file|filed|apply|should|due|deadline|expected|paid|pay)"
)
_FROM = r"(?:^|(?<= ))(?:from|leav\w+|depart\w*)(?: (?:the|a|an|my|mrs?|ms|dr|downtown|around|about))* <"
_TO = r"(?:^|(?<= ))(?:to|towards?|into|until)(?: (?:the|a|an|my|mrs?|ms|dr|downtown|go|reach|visit|see))* <"
_PEOPLES = (
    "american|british|english|french|german|italian|spanish|portuguese|dutch|belgian|swiss|austrian|polish|czech|russian"
    "|ukrainian|turkish|greek|swedish|norwegian|danish|finnish|irish|scottish|welsh|canadian|mexican|brazilian|indian"
    "|chinese|japanese|korean|australian|african|european|asian|arab|jewish|muslim|christian|catholic|hindu|buddhist"
    "|vegan|vegetarian|late|tired|sorry|fine|good|ok|okay"
)
"""Written with a capital, and no name: `I'm Italian`."""

CLAIMS = (
    _claim(
        "name nickname first last full",
        _named("name|nickname|surname", r"(?:my|our) "),
        rf"^{AROUND}{_KIND}name(?: is)? <[^>]*>$",
        rf"(?:^|(?<= ))calls? (?:me|us) <(?!(?:{_NO_NAMES})\b)[^>\d]*>(?! 's)",
        rf"{_AM} (?:called|named|known as) <",
        r"(?:^|(?<= ))i go by <",
        written=rf"{_AT_LEAD}(?:i am|i'm) <(?!(?:{_NO_NAMES}|{_PEOPLES})\b)[^>\d]*>(?= (?:and|from|here|with|at)\b|$)",
    ),
    _claim("home hometown residence", *_HOMES),
    _claim("city town", *_HOMES, r"\b(?:city|town)\b"),
    _claim(
        "employer company workplace",
        _named("employer|company|workplace|job"),
        rf"(?:{_I}{_STILL} work(?:ed|ing)?|{_AM}{_STILL} (?:working|employed))(?: as (?:an? )?[a-z]+(?: [a-z]+)?)?"
        r"(?: full time| part time)? (?:at|for|by) (?:the |an? )?"
        rf"<(?!{_NO_EMPLOYERS})",
        rf"{_I}{_STILL} (?:have|got|took|found|started)(?: (?:a|an|my|the|new))* job (?:at|with) <",
    ),
    _claim(
        "job occupation profession role",
        _named("job|occupation|profession|role|job title|title"),
        rf"(?:{_I}{_STILL} work(?:ed|ing)?|{_AM}{_STILL} (?:working|employed)) as (?:an? |the )?<",
        rf"(?:^|(?<= ))(?:i am|i'm|im){_STILL} an? <(?!{_NO_JOBS})[^>]*>(?= (?:at|in|for|with|by|from|and|who|on)\b|$)",
    ),
    _claim(
        "diet dietary",
        _named("diet|dietary preference"),
        rf"{_AM}{_STILL}(?: an?)?(?: strict)? <{_DIETS}[^>]*>(?= (?:and|but|so|since|now|for|because|i|we|my)\b|$)",
        rf"{_I}{_STILL} <?(?:never|don't|do not|can't|cannot) <?eat ",
        rf"{_I}{_STILL} <?eat <?(?:only|no|mostly) ",
        r"(?:^|(?<= ))(?:i|i'm|am|we)\b(?: (?:am|are|on|follow|keep|have|an?|strict))+ <[^>]*>(?: [a-z]+)? diet\b",
    ),
    _claim(
        "age",
        _named("age"),
        rf"(?:^|(?<= ))(?:i am|i'm|im){_STILL} <(?:\d{{1,3}}|[a-z]+)(?: years?(?: old| of age)?)?>"
        r"(?= years? old| years? of age| and (?!a\b)| now\b| today\b|$)",
        rf"{_I}{_STILL} turned <[^>]*>(?= (?:this|last|in|on|today|and|yesterday|years?)\b|$)",
    ),
    _claim(
        "language",
        _named("language|native language|mother tongue"),
        rf"{_I}(?: (?:can|also|mostly|only|do))* speak(?: (?!to|at|in|with|about|on|for|of)\S+){{0,3}} {_TONGUE}",
        rf"(?:answer|reply|respond|write|speak|talk|chat)(?: (?:to|with|me|us|only|always|please|back))* in {_TONGUE}",
        rf"(?:{_I}{_STILL}|{_AM}{_STILL}) (?:code|coding|program|programming|develop|developing|write|writing) in <",
        rf"{_TONGUE}[^>]*> (?:please|only)",
    ),
    _claim(
        "preference preferred prefers favourite favorite",
        _named("preference|preferred|favou?rite|preferred [a-z]+|favou?rite [a-z]+"),
        r"(?:^|(?<= ))(?:i|we|i'd|we'd|and)(?: (?:would|always|really|usually|generally|now|also|still|do|actually))*"
        r" prefer(?: to [a-z]+)?(?: (?!to|over|than|rather|instead|not)\S+){0,3} <",
    ),
    _claim("email mail phone mobile", *_CONTACTS, alone=True),
    _claim("address", *_CONTACTS, r"<(?!\S*@|email_)", alone=True),
    _claim("number", *_CONTACTS, r"<(?!(?:[^>\d]*\d){7}|phone_)", alone=True),
    _claim(
        "budget",
        _named(r"(?:travel |daily |monthly |overall )?budget"),
        rf"{_ASKED}(?:set|change|update|raise|increase|lower|reduce|cut|bump|keep|put) (?:the|my|our) {_KIND}budget"
        r"(?: (?:back|up|down))?(?: for(?: [a-z']+){1,3}?)? (?:to|at) <",
        rf"(?:{_WE}|{_AT_LEAD}|with|on|within|set)(?: (?:have|had|got|am|are|with|on|set|a|an|the|travel|total|max))*"
        rf" budget of{_UP_TO}{_SUM}",
        r"> (?:[a-z]+ )?budget\b",
        rf"{_WE}{_ALLOWED} (?:spend|pay|invest){_UP_TO}{_SUM}{_MONEY_NEXT}",
        rf"{_WE}(?:{_ALLOWED})? (?:afford|have|got){_UP_TO}{_SUM}{_MONEY_NEXT}",
    ),
    _claim(
        "price cost total",
        r"(?:cost|pric|pay|paid|charg|fee|worth|sell|sold|buy|bought|total|sum)\w*\b.*<",
        r"> .*\b(?:price|cost|total)",
    ),
    _claim(
        "deadline due",
        r"(?:deadline|due)(?: date)?(?: of)?" + _FOR_WHAT + _IS + " <",
        r"> (?:[a-z]+ )?deadline|> is (?:my|our|the) (?:deadline|due date)",
        rf"\b{_DUTY}\b.*\b(?:by|(?<!from )before|no later than)(?: the)? <",
    ),
    _claim(
        "place",
        r"(?:in|at|near|around|by)(?: (?:the|a|an|some|my|our|any|downtown|city|town|of|center|centre))* <",
        rf"{_FROM}|{_TO}",
    ),
    _claim("from", _FROM),
    _claim("to", _TO),
    _claim(
        "people person guest party size",
        _named("party|party size|group|number of (?:people|guests|persons)|people|guests"),
        rf"(?<!waited )(?<!wait )(?<!waiting )(?:^|(?<= ))(?:for|party of|group of|table of){_FEW} {_SOME}",
        rf"(?:^|(?<= ))(?:we are|we're|be|bring|invite|inviting|with|make it|of){_FEW} {_SOME}",
        rf"(?:^|(?<= ))(?:need|want|have|book|reserve|expect|staying){_FEW}"
        rf" <(?:[^>]*(?:{_PERSONS})>|[^>]*> (?:{_PERSONS}))",
        rf"{_AT_LEAD}(?:(?:make|it|'s|only|just|there|is|are|will|be) )*<[^>]*>(?: (?:{_PERSONS}))?"
        r"(?: (?:please|only|now|instead|total|in (?:my|our|the) (?:party|group)))*"
        r"(?: (?:at|on|for|from|starting|are|will|were|is)(?: be)?"
        r" (?:the \d|\d|[a-z]+day|tomorrow|tonight|riding|coming|going|joining|travell?ing|leaving|staying)"
        r"| and (?:i|we|it)\b| [a-z]+day\b|$)",
        r"> of us\b",
    ),
)
"""What bare labels claim; others claim nothing that a quote with the value does not bear out."""
