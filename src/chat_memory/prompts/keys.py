"""What a key may say: a label that its quote or a common attribute bears out, never a claim of its own."""

import re
from collections.abc import Sequence

from chat_memory.models import Fact, ProposedFact
from chat_memory.prompts.scopes import NEGATIONS, TAKES_BACK, contrasts, is_request
from chat_memory.prompts.spans import SpanType, kind_of
from chat_memory.prompts.subjects import brings_up
from chat_memory.prompts.words import (
    POLAR_WORDS,
    content_words,
    key_terms,
    key_words,
    lexicon,
    same_value,
    stem,
    words,
)

_LABEL_WORDS = 5
"""A key of more content words is a sentence, not a label."""
_AUXILIARIES = lexicon("is are was were has have had can may must should will does did wants")
_APPROVALS = lexicon(
    "allowed approved authorized authorised verified confirmed agreed consented accepted granted permitted paid signed"
)
"""In a key these make a claim of their own, whatever the value: `refund_approved`; auxiliaries do too: `is_admin`."""
_DAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day|tomorrow|today|tonight|noon|midnight|"
_MONTH = r"(?:jan|feb|mar|apr|may|june?|july?|aug|sep|oct|nov|dec)[a-z]*"
_COUNTED = r"\d|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|hundred"
_MOVED = r"moved (?!(?:my|our|the|an?|his|her|their|it|them|this|that)\b)"
_Attribute = tuple[frozenset[str], re.Pattern[str]]
_ATTRIBUTES: tuple[_Attribute, ...] = tuple(
    (lexicon(labels), re.compile(rf"(?:^|\s)(?:{cue})"))
    for labels, cue in (
        ("name nickname first last full", r"(?:call|named|i am |i'm )"),
        ("home city town residence hometown", rf"(?:li(?:ve|ves|ved|ving) |based |resid|{_MOVED}|relocated |my home)"),
        ("employer company workplace", r"(?:work|employ|job\b)"),
        ("job occupation profession role", r"(?:work\w* as |i am |i'm |job\b)"),
        ("diet dietary", r"(?:i am |i'm |we are |we're |eat )"),
        ("age", r"(?:\d+ years |i am \d|i'm \d|turn)"),
        ("language", r"(?:speak|answer|in )"),
        ("preference preferred prefers favourite favorite", r"(?:prefer|favo)"),
        ("email mail address", r"(?:\S+@\S|email_[0-9a-f]{8}\b)"),
        ("url link website address", r"(?:https?://|www\.)"),
        ("phone mobile number", r"(?:\S*\d{3}|phone_[0-9a-f]{8}\b)"),
        ("budget price cost money amount total", rf"(?:[$€£¥₹₩]|{_COUNTED})"),
        ("date deadline due day", rf"(?:\S*\d|{_DAY}{_MONTH})"),
        ("time", rf"(?:\S*\d|{_DAY}{_MONTH}|\w+ [ap]m\b|(?:half|quarter) (?:past|to)\b|\w+ in the \w+ing\b)"),
        ("place", r"(?:in|at|near|around|to|from|leav\w+|depart\w*)\s"),
        ("people person guests count party size number", rf"(?:{_COUNTED})"),
        ("leave leaves leaving depart departs departing departure", r"(?:leav|depart)"),
    )
)
"""Labels a quote need not say, and what it must have instead."""
_OF_A_PERSON = 9
"""So many attributes are of a person: `He lives in Rome` is not of the user."""
_VERBAL = 8
"""So many attributes show by a verb, the others by the type of their value."""
_SIGNS = re.compile(r"[^\w\s'’./()&+#-]")  # noqa: RUF001
_KIN = lexicon(
    "mother father mom mum dad sister brother wife husband son daughter friend boss colleague neighbour dog cat"
    " neighbor partner girlfriend boyfriend"
    " kid child children cousin uncle aunt grandmother grandfather manager roommate client"
)
_PERSONAL = lexicon(
    "gender sex race ethnicity nationality religion faith sexuality orientation health illness disease diagnosis"
    " disability pregnancy pregnant politics income salary weight marital age"
)
"""What a person is, and nobody may guess."""
CORRECTIONS = lexicon(
    "actually again another change changed correct correction different else instead make mean meant moved no nope not"
    " now other rather sorry time try updated update wait wrong"
)
"""What says that a new value takes the place of an old one."""
_KIND: dict[SpanType | None, SpanType] = {"count": "number"}
_OTHERS = lexicon("his her their your its")
_THIRD = lexicon("he she they he's she's they're he'd she'd they'd")
_HOLDS = lexicon("has wants prefers likes loves hates lives works speaks eats owns")
_ANYTHING = lexicon("it this that which who everything everyone user what there one")
_CONTRACTED = lexicon("it that what here there let who how where when this")


def key_objection(key: str, value: str, spoken: Sequence[str], held: Sequence[str], *, given: bool) -> str:
    """Say why a quote does not bear out a key; `held` is the clause of the value, `given` a key of a known fact."""
    label = key_words(key)
    claims = _claims(key, label, value)
    smuggled = [word for word in claims if word not in spoken and word not in _AUXILIARIES]
    smuggled = smuggled or ([] if given else _foreign(label, spoken, _ATTRIBUTES))
    if smuggled or not label or _SIGNS.search(key):
        return f"the key claims what the quote lacks: {', '.join(smuggled) or key}"
    owner = owner_of(key, value, held)
    return f"the quote speaks of {owner}" if owner else ""


def owner_of(key: str, value: str, held: Sequence[str]) -> str:
    """Name whose attribute a clause tells of where neither key nor value does; empty when it is the user's."""
    return _owner([*key_words(key), *words(value)], held)


def is_own(key: str, held: Sequence[str]) -> bool:
    """Tell whether a clause is of the user's own attribute as a whole: `my phone number`, `I quit`, `the deadline`.

    What comes behind its name makes it another thing: `the budget column`, `the name of the inn`.
    """
    if held[0] in _SELF:
        return True
    label = {stem(word) for word in key_words(key)}
    named = [place for place, word in enumerate(held) if stem(word) in label]
    return bool(named) and _TALKING.isdisjoint(held) and _AFTER_LABEL.issuperset(held[named[-1] + 1 :])


def is_personal(key: str) -> bool:
    """Tell whether a key is of what a person is: gender, health, faith and their like."""
    return not _PERSONAL.isdisjoint(key_words(key))


def names_same(one: str, other: str) -> bool:
    """Tell whether two keys are of one attribute: `home`, `city` and `home town` are."""
    labels = set(key_words(one)) | set(key_words(other))
    return bool(labels) and (
        {stem(word) for word in key_words(one)} == {stem(word) for word in key_words(other)}
        or any(labels <= known for known, _ in _ATTRIBUTES)
    )


def speaks_of(key: str, spoken: Sequence[str]) -> bool:
    """Tell whether words name a key's attribute: by its own words, or by a verb such as `live` for a home."""
    label = key_words(key)
    return bool(label) and not _foreign(label, spoken, _ATTRIBUTES[:_VERBAL])


def repeats(fact: Fact, proposal: ProposedFact) -> bool:
    """Tell whether an assumption only repeats a confirmed fact under another key for the same attribute."""
    return fact.value.casefold() == proposal.value.casefold() and names_same(fact.key, proposal.key)


def corrects(known: Fact, value: str, spoken: Sequence[str], held: Sequence[str]) -> bool:
    """Tell whether words give a known fact a new value: in the place of the old one, or of its type in a correction.

    `held` is the clause of the value: one about something else, as `the bus changed to 7 pm`, corrects no meeting.
    """
    if same_value(known.value, value):
        return True
    kinds = {_KIND.get(kind, kind) for kind in (kind_of(known.value), kind_of(value))}
    typed = len(kinds) == 1 and None not in kinds and not CORRECTIONS.isdisjoint(spoken)
    return (typed or _is_contrasted(known, spoken)) and not brings_up(known, held, value)


def renames(known: Fact, spoken: Sequence[str]) -> bool:
    """Tell whether words take a known fact out for one of another key: they speak of it, and say it has changed."""
    spoken_of = speaks_of(known.key, spoken) and not CORRECTIONS.isdisjoint(spoken)
    return spoken_of or _is_contrasted(known, spoken)


def _is_contrasted(known: Fact, spoken: Sequence[str]) -> bool:
    """Tell whether words say a known value and set another against it: `not Rome but Oslo`."""
    told = content_words(known.value)
    against = any(
        contrasts(spoken, place) or word == "not" or word.endswith("n't") for place, word in enumerate(spoken)
    )
    return against and told != [] and set(told) <= set(spoken)


def _claims(key: str, label: Sequence[str], value: str) -> list[str]:
    """List the words of a key that its quote must have as they are: numbers, negations, and all words of a claim."""
    empty = all(word in POLAR_WORDS for word in content_words(value))
    whole = empty or len(label) > _LABEL_WORDS or not (_AUXILIARIES | _APPROVALS).isdisjoint(key_terms(key))
    return [word for word in label if whole or word in NEGATIONS or any(sign.isdigit() for sign in word)]


def _foreign(label: Sequence[str], spoken: Sequence[str], attributes: Sequence[_Attribute]) -> list[str]:
    """Name the words of a label that neither its quote says nor an attribute the quote shows stands for.

    Whose attribute it is stands before what shows it: `sister home` is in `my sister lives in Rome`.
    """
    stems = [stem(word) for word in spoken]
    joined = " ".join(spoken)
    owners = [word for word in label if not any(word in labels for labels, _ in _ATTRIBUTES) and stem(word) in stems]
    starts = [len(" ".join(spoken[: stems.index(stem(word))])) for word in owners]
    shown = [
        labels
        for place, (labels, cue) in enumerate(attributes)
        if (found := cue.search(joined)) and (not starts or place >= _VERBAL or min(starts) < found.start())
    ]
    return [
        word
        for word in label
        if word != "s" and stem(word) not in stems and not any(word in labels for labels in shown)
    ]


def _owner(label: Sequence[str], spoken: Sequence[str]) -> str:
    """Name whose attribute a quote tells when its label leaves that out: `my mother's name is Eva`."""
    about_a_person = any(not known.isdisjoint(label) for known, _ in _ATTRIBUTES[:_OF_A_PERSON])
    if about_a_person and _OWN.isdisjoint(spoken) and (is_request(spoken) or spoken[:1] == ["find"]):
        return "whom it asks for"
    for place, word in enumerate(spoken):
        following = spoken[place + 1] if place + 1 < len(spoken) else ""
        before = spoken[place - 1] if place else ""
        owns = following == "'s" and word not in _CONTRACTED
        kin = word in _KIN and before in {"my", "our"} and (place < 2 or spoken[place - 2] not in _BESIDE)  # noqa: PLR2004
        others = word in _OTHERS and following in label
        if (owns or kin or others or (about_a_person and word in _THIRD)) and word not in label:
            return word
    return _subject(label, spoken)


def _subject(label: Sequence[str], spoken: Sequence[str]) -> str:
    """Name who has, wants or likes what a clause says, where that is neither the user nor in the label: `Anna has`."""
    if spoken[1:2] and spoken[1] in _HOLDS and spoken[2:3] != ["to"] and spoken[0] not in {*_ANYTHING, *label}:
        return spoken[0]
    return ""


_OWN = lexicon("i i'm i've i'd me my mine we us our")
"""A request without one of these is for somebody else's name, home or work: `can you find people based in Rome`."""
_SELF = lexicon("i i've i'm we we've")
_TALKING = lexicon("asking telling talking reminding saying mentioning repeating")
_AFTER_LABEL = TAKES_BACK | lexicon(
    "is was has have been be now please again already too just got i gave you told it entirely completely all we said"
    " mentioned altogether from memory thing stuff"
)
"""Behind an attribute's name these leave it what it is: `the deadline has changed`."""
_BESIDE = lexicon("with and for to from by")
"""Before `my wife` these leave the rest of the sentence the user's own: `I live in Rome with my wife`."""
