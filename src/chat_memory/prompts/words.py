"""Words as the gate compares them: case, white space, punctuation and Unicode form do not count, anything else does."""

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

_MARKS = "".join(chr(point) for point in range(0x300, 0x3100) if unicodedata.category(chr(point))[0] == "M")
_LETTER = rf"[\w{_MARKS}]"
_WORD = re.compile(
    r"(?i:https?://|www\.)[^\s<>\"]*[^\s<>\".,;:!?)\]']"
    r"|[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+"
    rf"|(?<!\w)[-+]?\.?\d{_LETTER}*(?:[.,:/-]\d{_LETTER}*)*"  # 1,200  -5  10:30  2024-03-15  555-0100: one word each
    rf"|{_LETTER}+(?:[-.]\d{_LETTER}*|'{_LETTER}+)*"  # don't, covid-19, gpt-4.1
    r"|[$€£¥₹₩%]|(?<!\w)-(?=[$€£¥₹₩])"
)
_THOUSANDS = re.compile(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?\Z")
_INVISIBLE = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff]")
_CJK = re.compile("[\u3005-\u3007\u3040-\u30fa\u30fc-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_ALIKE = str.maketrans(
    dict.fromkeys("\u2018\u2019\u201b\u02b9\u02bc\u00b4\u2032", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u201f«»", '"')
    | dict.fromkeys("\u2010\u2011\u2012\u2212", "-")
)
_TICK = re.compile(r"(?<=[^\W\d_])`(?=[^\W\d_])")
_NUMBER_DASH = re.compile("(?:(?<=\\d)|(?<!\\w))[\u2013\u2014\ufe63](?=[\\d$€£])")
_RAISED = re.compile("(?<=\\d)(?=[\u00b9\u00b2\u00b3\u2070-\u2089\u00bc-\u00be\u2150-\u215e])")
_SPACED_CJK = re.compile(f" ?({_CJK.pattern}) ?")
_ENDING = re.compile(r"(?<=\w{3})(?:ing|es|s|e)\Z")
_STEM = 5
"""So many first letters make two words the same one."""
_KEY_BREAK = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[\W_]+")
_PIECE_CHARS = 1000
_PIECE = re.compile(rf"(?s:.{{1,{_PIECE_CHARS}}})(?=[\x00-\x7f]|\Z)|(?s:.{{1,{_PIECE_CHARS}}})")
"""A piece of text that ends before a plain character, which no mark of it joins, where there is one."""


def lexicon(listed: str) -> frozenset[str]:
    """Read a list of words, parted by spaces, as a set."""
    return frozenset(listed.split())


STOP_WORDS = lexicon(
    "a an the this that is are was were be been am i me my mine we us our ours it its of in on at and user users 's"
)
"""Words a value may have though its quote lacks them: they add nothing."""

POLAR_WORDS = lexicon(
    "yes yeah yep y no nope n true false ok okay sure right correct confirmed confirm agreed accepted approved done"
    " please thanks same both all any one none never not exactly indeed absolutely definitely so"
)
"""Words that say nothing alone: as a whole value they leave the claim to the key."""


class Word(NamedTuple):
    """One word in compared form, and where it stands in the surface text."""

    text: str
    start: int
    end: int


def surface(text: str) -> str:
    """Give text the form it is split and stored in: one Unicode form, one apostrophe, nothing invisible.

    CJK characters stand apart, each a word of its own; `original` puts them together again.
    """
    text = _TICK.sub("'", text) if "`" in text else text
    if text.isascii():
        return text
    # Before the compatible form: it would turn an acute accent into a space, and 5 squared into 52.
    text = _RAISED.sub("^", _NUMBER_DASH.sub("-", text.translate(_ALIKE)))
    text = unify(text).translate(_ALIKE)
    return _CJK.sub(r" \g<0> ", _INVISIBLE.sub("", text))


def unify(text: str) -> str:
    """Give text one Unicode form; in pieces, because sorting a long run of marks takes the square of its length."""
    if len(text) <= _PIECE_CHARS:
        return unicodedata.normalize("NFKC", text)
    return "".join(unicodedata.normalize("NFKC", piece) for piece in _PIECE.findall(text))


def original(text: str) -> str:
    """Write a stretch of surface text as it is read: CJK characters without the spaces between them."""
    return text if text.isascii() else _SPACED_CJK.sub(r"\1", text)


def split_words(text: str) -> list[Word]:
    """Split surface text into words, with `'s` apart and thousands written without commas."""
    return list(iterate_words(text))


def iterate_words(text: str) -> Iterator[Word]:
    """Split surface text word by word, for whoever needs only the first of them."""
    for match in _WORD.finditer(text):
        start, end = match.span()
        word = _fold(match.group())
        if word.endswith("'s") and len(word) > len("'s"):
            yield Word(word[:-2], start, end - 2)
            yield Word("'s", end - 2, end)
        else:
            yield Word(word.replace(",", "") if _THOUSANDS.match(word) else word, start, end)


def _fold(word: str) -> str:
    """Fold the case of a word; a Turkish capital I leaves no dot behind."""
    if word.isascii():
        return word.lower()
    return unify(word.casefold()).replace("i\u0307", "i")


def words(text: str) -> list[str]:
    """Read text as the list of words it is compared by."""
    return [word.text for word in split_words(surface(text))]


def content_words(text: str) -> list[str]:
    """Read text as the words that carry its meaning, in order."""
    return [word for word in words(text) if word not in STOP_WORDS]


def key_terms(key: str) -> list[str]:
    """Read a key such as `home_city` or `homeCity` as words."""
    return words(_KEY_BREAK.sub(" ", key))


def key_words(key: str) -> list[str]:
    """Read a key as the words that carry its meaning, in order."""
    return [word for word in key_terms(key) if word not in STOP_WORDS]


def strip_ending(word: str) -> str:
    """Cut off a word what its forms differ by: `leave`, `leaves` and `leaving` are the same then."""
    return _ENDING.sub("", word)


def stem(word: str) -> str:
    """Cut a word to what tells it from others: `prefers` and `preference` are the same then."""
    return strip_ending(word)[:_STEM]


def same_value(one: str, other: str) -> bool:
    """Tell whether two values are the same words, however they are written."""
    return one == other or (words(one) == words(other) != [])


def plain(text: str) -> str:
    """Write text as one line of what can be seen: nothing invisible, nothing that breaks or turns a line."""
    seen = ("" if unicodedata.category(sign)[0] == "C" and not sign.isspace() else sign for sign in text)
    return " ".join("".join(seen).split())
