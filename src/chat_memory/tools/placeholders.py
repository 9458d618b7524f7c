"""Placeholders: what a turn holds in place of what was private. One value of one chat has one."""

import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["private_key", "api_key", "token", "password", "secret", "card", "iban", "ssn", "email", "ip", "phone"]
"""What can be redacted; where two kinds claim one stretch, the first of them names it."""
KINDS: tuple[Kind, ...] = get_args(Kind)
DIGITS = 8
"""Hexadecimal digits of a placeholder: two values of a chat share one by chance 1 in 800,000 among a hundred."""
PLACEHOLDER = re.compile(rf"\[(?:{'|'.join(kind.upper() for kind in KINDS)})_[0-9a-f]{{{DIGITS}}}\]")


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of a text that is private: what it is, where it stands, and its value in one form of many."""

    kind: Kind
    start: int
    end: int
    value: str


def merge(stretches: Iterable[Stretch], text: str) -> list[Stretch]:
    """Put stretches in order and those that overlap together, so that nothing found is left beside a placeholder."""
    merged: list[Stretch] = []
    for stretch in sorted(stretches, key=lambda stretch: (stretch.start, -stretch.end)):
        if not merged or stretch.start >= merged[-1].end:
            merged.append(stretch)
        elif stretch.end > merged[-1].end or KINDS.index(stretch.kind) < KINDS.index(merged[-1].kind):
            merged[-1] = _join(merged[-1], stretch, text)
    return merged


def _join(one: Stretch, other: Stretch, text: str) -> Stretch:
    first = min(one, other, key=lambda stretch: KINDS.index(stretch.kind))
    end = max(one.end, other.end)
    whole = (first.start, first.end) == (one.start, end)
    return Stretch(first.kind, one.start, end, first.value if whole else text[one.start : end])


def write_placeholder(kind: Kind, value: str, salt: bytes) -> str:
    """Name a value: without the chat's salt nobody can tell which value it was, or try values until one fits."""
    digest = hmac.digest(salt, f"{kind}\0{value}".encode(), hashlib.sha256)
    return f"[{kind.upper()}_{digest.hex()[:DIGITS]}]"


def replace_stretches(text: str, stretches: Sequence[Stretch], salt: bytes) -> str:
    """Write a text with a placeholder in place of each stretch; they are in order and apart."""
    pieces: list[str] = []
    end = 0
    for stretch in stretches:
        pieces += text[end : stretch.start], write_placeholder(stretch.kind, stretch.value, salt)
        end = stretch.end
    return "".join([*pieces, text[end:]])


def replace_repeated(text: str, other: str, stretches: Iterable[Stretch], salt: bytes) -> str:
    """Write a text with a placeholder wherever it repeats, word for word, a stretch of another text."""
    for stretch in stretches:
        text = text.replace(other[stretch.start : stretch.end], write_placeholder(stretch.kind, stretch.value, salt))
    return text
