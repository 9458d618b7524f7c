"""Which turns of a chat hold the words of a query: BM25, and a share for the turns beside them.

Pure, and fast because only the query's words are looked for. English words are bent a little; scripts that put no
spaces between words are read as pairs of signs.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

from chat_memory.models import Role
from chat_memory.prompts.coverage import FUNCTION_WORDS
from chat_memory.prompts.sentences import strip_code
from chat_memory.prompts.words import lexicon, unify
from chat_memory.storage.snapshots import CutTurn

NEIGHBOURS_SHARE = 0.3
"""Share of the scores of the turns before and after that a turn gets (measured in shared notes, quality.md)."""
MOST_TERMS = 64
"""Most different terms of a query: a longer one is a text, and says in its first words what it is about."""

_SATURATION, _LENGTH = 1.2, 0.75
"""The usual k1 and b of BM25."""
_ROLES: Mapping[Role, float] = {"user": 1.0, "note": 0.8, "assistant": 0.5, "tool": 0.5, "system": 0.5}
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
"""Thai, Lao, Burmese, Khmer, Chinese, Japanese; and Korean, whose words end in particles."""
_WORD = re.compile(rf"[{_UNSPACED}]+|[^\W_{_UNSPACED}]+(?:[.,:][^\W\D]+)*")
_ASCII_WORD = re.compile(r"[a-z0-9]+(?:[.,:][0-9]+)*")
_SIGNS = re.compile(f"[{_UNSPACED}]")
_ENDINGS = ("ings", "ing", "ies", "ied", "ed", "es", "s", "e", "y")
_SHORTEST_STEM = 3
_ASKING = lexicon(
    "list order aspects throughout across conversations conversation mention items item brought bring comprehensive"
    " summary summarize clear overview walk tell told said say mentioned discussed covered talked asked ask remind"
    " recall remember know everything anything give show explain describe suggest recommend question answer different"
    " various"
)
"""Words that say that something is asked for, not what."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for: the forms of each word, by form, and pairs of signs."""

    stems: tuple[str, ...]
    forms: Mapping[str, str]
    pairs: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> Self:
        """Read a query; one without a word that means something looks for nothing."""
        words = [word for word in _find_words(_fold(text)) if word not in FUNCTION_WORDS and word not in _ASKING]
        spaced = dict.fromkeys(_stem(word) for word in words if not _SIGNS.match(word))
        pairs = dict.fromkeys(pair for word in words if _SIGNS.match(word) for pair in _pair(word))
        stems = tuple(spaced)[:MOST_TERMS]
        return cls(stems, {form: stem for stem in stems for form in _bend(stem)}, tuple(pairs)[:MOST_TERMS])

    def count(self, text: str) -> Counter[str]:
        """Count what of the query a text holds."""
        folded = _fold(text)
        found: Counter[str] = Counter()
        if any(stem in folded for stem in self.stems):  # most turns are told by this alone, ten times as fast
            found.update(self.forms[word] for word in _find_words(folded) if word in self.forms)
        found.update({pair: count for pair in self.pairs if (count := folded.count(pair))})
        return found


def weigh_terms(counts: Sequence[Counter[str]]) -> dict[str, float]:
    """Weigh each term by how few of the texts hold it."""
    holders = Counter(term for found in counts for term in found)
    return {term: math.log(1 + (len(counts) - held + 0.5) / (held + 0.5)) for term, held in holders.items()}


def score_turns(turns: Sequence[CutTurn], counts: Sequence[Counter[str]], weights: Mapping[str, float]) -> list[float]:
    """Score turns, given in order, by BM25 and their neighbours; 0 where neither they nor those beside hold a term."""
    lengths = [len(strip_code(turn.content)) + 1 for turn in turns]
    usual = sum(lengths) / max(len(lengths), 1)
    own = [
        _ROLES[turn.role] * _score(found, weights, length / usual)
        for turn, found, length in zip(turns, counts, lengths, strict=True)
    ]
    padded = [0.0, *own, 0.0]
    return [
        score + NEIGHBOURS_SHARE * (before + after)
        for before, score, after in zip(padded, own, padded[2:], strict=False)
    ]


def _score(found: Mapping[str, int], weights: Mapping[str, float], length: float) -> float:
    dampened = _SATURATION * (1 - _LENGTH + _LENGTH * length)
    return sum(weights[term] * count * (_SATURATION + 1) / (count + dampened) for term, count in sorted(found.items()))


def _fold(text: str) -> str:
    return text.lower() if text.isascii() else unify(text).casefold()


def _find_words(folded: str) -> list[str]:
    return (_ASCII_WORD if folded.isascii() else _WORD).findall(folded)


def _pair(run: str) -> Iterator[str]:
    """Read a run of signs as its pairs, a single sign as itself."""
    if len(run) == 1:
        yield run
    yield from (one + other for one, other in pairwise(run))


def _stem(word: str) -> str:
    """Take an English ending off a word; any other word loses none or one, the same wherever it stands."""
    if not word.isascii() or not word.isalpha():
        return word
    for ending in _ENDINGS:
        stem = word.removesuffix(ending)
        if stem != word and len(stem) >= _SHORTEST_STEM:
            doubled = stem[-1] == stem[-2] and stem[-1] not in "lsfz" and ending in {"ings", "ing", "ed"}
            return stem[:-1] if doubled and len(stem) > _SHORTEST_STEM else stem
    return word


def _bend(stem: str) -> Iterator[str]:
    """List the forms a stem may stand for."""
    yield stem
    if stem.isascii() and stem.isalpha() and len(stem) >= _SHORTEST_STEM:
        yield from (stem + ending for ending in _ENDINGS)
        yield from (stem + stem[-1] + ending for ending in ("ing", "ed"))
