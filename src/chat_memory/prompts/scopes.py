"""The words that change what a clause claims: negations, conditions, reports and questions.

English in full, the commonest of other languages: a word missing here lets a fact be confirmed without its hedge, so
lists lean towards too many; a word too many only leaves a fact among the assumptions.
"""

import re
from collections.abc import Sequence
from typing import Literal

from chat_memory.prompts.words import lexicon

Scope = Literal["negation", "condition", "report", "past", "question", "quotation"]

SCOPES: tuple[Scope, ...] = ("negation", "condition", "report", "past")
"""Those a value can carry with it: `not vegan`. A question or a quotation states nothing, whatever the value says."""

NEGATIONS = lexicon(
    "not no never none nobody nothing neither nor without cannot nowhere hardly barely almost nearly nope nah kidding"
    " joking jk false wrong incorrect untrue lie myth doubt doubts deny denies refuse refuses reject rejects except"
    " unlike dont doesnt didnt cant wont isnt arent wasnt werent havent hasnt hadnt couldnt shouldnt wouldnt aint"
    " nicht kein keine keinen keinem keiner nie niemals ohne ne pas jamais aucun aucune sans nunca jamás sin ninguno"
    " ninguna não nem sem non senza niet geen nooit ikke aldrig inte не нет ни никогда без değil"
)
CONTRASTS = frozenset({"instead", "rather"})
"""With `of` or `than` after them they negate their own clause and no other."""

TAKES_BACK = lexicon(
    "forget remove delete drop cancel cancelled canceled ignore scrap disregard erase wrong changed stop stopped quit"
    " vergiss lösche olvida borra oublie supprime"
)
"""Besides a negation, what says that a fact no longer holds."""

_DISMISSES = lexicon("forget ignore disregard scrap delete erase remove drop")
"""Opening a clause these take back what it says."""
CONDITIONS = lexicon(
    "if unless whether suppose supposing assuming imagine pretend hypothetically hypothetical maybe perhaps probably"
    " possibly might wish wonder wondering example instance unsure provided"
    " dreamed dreamt wenn falls vielleicht peut quizá quizás talvez"
    " forse misschien если может"
)
_CONDITIONAL = frozenset(
    {("in", "case"), ("long", "as"), ("soon", "as"), ("in", "theory"), ("i", "could"), ("we", "could")}
)
"""Pairs of words that set a condition, or suppose: `I could live in Rome`; `once I live in Rome` does too."""
REPORTS = lexicon(
    "said says saying told tells claims claimed think thinks thought believe believes believed wrote writes asked asks"
    " replied insists insisted heard assumed assumes according allegedly"
    " supposedly sagte sagt dijo dice disse сказал сказала"
)
_PAST = lexicon("formerly previously früher antes avant prima vroeger раньше")
"""What was: `I used to live in Rome` says nothing of today."""
_STATES = frozenset({"lived", "worked"})
"""Past too, unless `I have lived here for a year`."""
_WAS = frozenset({"was", "were"})
_HAD = lexicon("my our the")
"""What was of one of these, was: `my budget was 500`."""
_OWNING = lexicon("a an my our the no")
"""Behind `had` these make it what was: `I had a budget of 500`."""
_PARTICIPLES = lexicon("set put sent made cut born built given told held")
"""Behind `was` these, and what ends in `ed` or `ing`, tell of what still holds: `my flight was moved to 7 pm`."""
_ACCUSTOMED = lexicon("am i'm is it's are you're we're they're be been being was were get gets getting got not")
"""Before `used to` these make it a habit, not a past: `I'm used to the cold`."""
_PERFECT = lexicon("have i've we've having")
_AFFIRMS = lexicon("yes yeah yep yup correct right exactly indeed sure ok okay true absolutely definitely perfect")
OWN_VOICE = frozenset({"i", "we", "i've", "we've", "i'd", "we'd", "already", "just"})
"""Before a report these make it the user's own: `as I said`."""

INTERJECTIONS = lexicon(
    "no nope nah yes yeah yep oh oops whoops ah hm hmm um uh well ok okay sorry actually wait hold on please thanks"
    " thank you sir madam hey hi hello so and but or then also now right sure great good perfect alright"
)
RESUMES = lexicon(
    "this just only make it it's i i'm i'd i'll let change my we our actually wait sorry please that the thanks thank"
)
"""After a `no` that opens a clause these show it answers what came before and negates nothing after it."""

BELIEFS = lexicon(
    "think believe say said mean know sure true case certain claim assume guess suppose accept agree confirm imply"
    " denke glaube crois pense creo acho penso думаю"
)
"""A not before these reaches over the comma: `I don't think, my budget is 500`."""

JOINERS = frozenset({"and", "but", "so", "then", "yet", "however", "though", "although", "while", "because"})
SUBJECTS = lexicon(
    "i i'm i'd i've i'll my we we're we'd we've we'll our you you're your he he's she she's they they're their it it's"
    " his her there"
)

_ASKS = lexicon("what when where which who whom whose why how is are was were do does did am isn't aren't what's")
_ASKS_SOMEONE = lexicon("can could will would shall should may might have has had can't couldn't won't")
_ASKS_YOU = lexicon("can could will would")
_ANYBODY_DOES = lexicon("get rent buy use move start")
"""After `can you` these order something only with a `me` or a `please`: `can you get a visa in Rome` asks."""
_TOLD = lexicon(
    "i i'm i've i'd i'll im say saying says said that like though should before after until claiming called"
)
"""In a request these begin what is to be written, found or made to seem so, and no wish: `write a note saying I am`."""
_FOR_ME = lexicon("me us my our please kindly")
"""With one of these `would you` asks for it, without it what somebody else would do: `would you rent in Rome`."""
ORDERS = lexicon(
    "book reserve find search look get make schedule set buy order send transfer play add change rent help put use plan"
    " arrange switch try give move pick start call name write remind save"
)
"""What somebody is asked to do: after `can you` these state a wish. `tell`, `check` and their like ask to know."""
_TAGS = _ASKS | _ASKS_SOMEONE | INTERJECTIONS | SUBJECTS | lexicon("that this true correct fair ok think agree it not")
_TAG_WORDS = 4
_JESTS = lexicon("not kidding joking jk psych false wrong untrue lie testing test")
_JESTING = lexicon(
    "just really i i'm am was were only lol haha ha no nope oh well of course it that that's is it's sorry 's a this"
)

_CJK_MARKERS: tuple[tuple[Scope, re.Pattern[str]], ...] = (
    ("negation", re.compile("[不没沒無无未别別勿]|ない|ません|않|없|아니|못")),
    ("condition", re.compile("如果|要是|假如|也许|可能|もし|たら|なら|れば|만약")),
    ("report", re.compile("[说說]|と言")),
    ("question", re.compile("[吗嗎呢か까]$")),
)


def marker(scope: Scope, words: Sequence[str]) -> int:
    """Find the first word of a clause that puts it under `scope`; -1 when there is none."""
    for place, word in enumerate(words):
        if _marks(scope, words, place, word):
            return place
    return -1


def carries(scope: Scope, words: Sequence[str]) -> bool:
    """Tell whether words, such as a value, say themselves that they stand under `scope`."""
    return marker(scope, words) >= 0 or cjk_marked(scope, words)


def cjk_marked(scope: Scope, words: Sequence[str]) -> bool:
    """Tell whether text without spaces between its words stands under `scope`."""
    joined = "".join(words)
    return not joined.isascii() and any(kind == scope and found.search(joined) for kind, found in _CJK_MARKERS)


def affirms(words: Sequence[str]) -> bool:
    """Tell whether words say yes, and nothing against it."""
    return words[:1] != [] and words[0] in _AFFIRMS and marker("negation", words) < 0 and "but" not in words


def contrasts(words: Sequence[str], place: int) -> bool:
    """Tell whether the word at `place` opens what does not hold: `instead of five`."""
    return words[place] in CONTRASTS and words[place + 1 : place + 2] in (["of"], ["than"])


def takes_back(words: Sequence[str]) -> bool:
    """Tell whether a sentence only takes back the one before it: as `Just kidding` does."""
    return not _JESTS.isdisjoint(words) and all(word in _JESTS or word in _JESTING for word in words)


def dismisses(words: Sequence[str]) -> bool:
    """Tell whether a clause sends away what it says: `forget that I live in Rome`."""
    return any(word in _DISMISSES for word in _after_interjections(words)[:1])


def asks(words: Sequence[str]) -> bool:
    """Tell whether a clause opens as a question, with or without its mark."""
    if is_request(words):
        return False
    rest = [*_after_interjections(words), "", ""][:2]
    return rest[0] in _ASKS or (rest[0] in _ASKS_SOMEONE and (rest[1] in SUBJECTS or rest[1] in {"someone", "anyone"}))


def is_request(words: Sequence[str]) -> bool:
    """Tell whether a clause asks somebody to do a thing, which states what is wanted: `can you book two seats`.

    `can you make this for two` may ask about this one instead.
    """
    rest = [word for word in _after_interjections(words) if word not in {"please", "also", "kindly", "instead"}][:4]
    told = rest[:1] and rest[0] in _ASKS_YOU and rest[1:2] == ["you"] and ORDERS.issuperset(rest[2:3] or [""])
    general = told and (rest[0] == "would" or rest[2] in _ANYBODY_DOES) and _FOR_ME.isdisjoint(words)
    if not told or general or rest[3:4] in (["this"], ["that"]):
        return False
    return _ASKS.isdisjoint(words) and _TOLD.isdisjoint(words)


def is_tag(words: Sequence[str]) -> bool:
    """Tell whether a clause only asks about the one before it: `right`, `isn't it`."""
    return len(words) <= _TAG_WORDS and all(word in _TAGS for word in words)


def is_interjection(words: Sequence[str]) -> bool:
    """Tell whether a clause is nothing but `no, sorry` and its like."""
    return all(word in INTERJECTIONS for word in words)


def _marks(scope: Scope, words: Sequence[str], place: int, word: str) -> bool:
    if scope == "negation":
        return word.endswith("n't") or contrasts(words, place) or (word in NEGATIONS and not _answers(words, place))
    if scope == "condition":
        following = words[place + 1 : place + 2]
        paired = (word, *following) in _CONDITIONAL or (word == "once" and not SUBJECTS.isdisjoint(following))
        return (
            paired
            or word in CONDITIONS
            or (word == "say" and (place == 0 or words[place - 1] in {"'s", "us", "let's"}))
        )
    if scope == "past":
        return _is_past(words, place, word)
    before = words[max(place - 2, 0) : place]
    return scope == "report" and word in REPORTS and OWN_VOICE.isdisjoint(before) and before[-1:] != ["second"]


def _is_past(words: Sequence[str], place: int, word: str) -> bool:
    before = words[max(place - 2, 0) : place]
    if word == "used":
        return words[place + 1 : place + 2] == ["to"] and _ACCUSTOMED.isdisjoint(before[-1:])
    if word in _WAS and not _HAD.isdisjoint(words[max(place - 3, 0) : place]):
        following = next(iter(words[place + 1 : place + 2]), "")
        return not following.endswith(("ed", "ing")) and following not in _PARTICIPLES
    if word == "had" and not _OWNING.isdisjoint(words[place + 1 : place + 2]):
        return True
    return word in _PAST or (word in _STATES and _PERFECT.isdisjoint(before))


def _answers(words: Sequence[str], place: int) -> bool:
    return place == 0 and words[0] in {"no", "nope", "nah"} and len(words) > 1 and words[1] in RESUMES


def _after_interjections(words: Sequence[str]) -> Sequence[str]:
    start = next((place for place, word in enumerate(words) if word not in INTERJECTIONS), len(words))
    return words[start:]
