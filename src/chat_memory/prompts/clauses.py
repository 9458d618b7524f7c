"""A turn read as sentences of clauses, each with what changes its claim: a not, an if, a `he said`, a question mark."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from chat_memory.prompts.quotations import quoted_words
from chat_memory.prompts.scopes import (
    BELIEFS,
    JOINERS,
    SCOPES,
    SUBJECTS,
    Scope,
    asks,
    cjk_marked,
    contrasts,
    is_interjection,
    is_request,
    is_tag,
    marker,
    takes_back,
)
from chat_memory.prompts.words import Word, lexicon, split_words, surface

_SENTENCE_END = re.compile(r"[.!?…؟。！？।]{1,8}[\"')\]]{0,4}(?:\s|$)|[!?؟。！？।]|\n\s*\n|\n\s*(?:[-*•>#]|\d+[.)])")  # noqa: RUF001
_CLAUSE_END = re.compile(r"[,;:()\[\]|\n،؛、，；：]|\s-+\s|[—–]|\.[.\s]")  # noqa: RUF001
_QUESTION_MARKS = frozenset("?؟？¿")  # noqa: RUF001
_ABBREVIATIONS = lexicon("mr mrs ms dr prof st vs e.g i.e eg ie etc approx dept est min max fig")
_EARLY_WORDS = 3
"""A clause opening with an `if` or `he said` within so many words also governs the clauses before it."""


@dataclass(slots=True)
class Clause:
    """Words `start` to `end` of a turn; `lead` joining words may be left off; `marks` gives each scope its word."""

    start: int
    end: int
    lead: int = 0
    marks: dict[Scope, int] = field(default_factory=dict[Scope, int])
    sentence: range = range(0)
    """The words of the sentence it is a part of."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A turn as the gate sees it: its words in order, and the clauses that cover them."""

    text: str
    """The turn's surface text."""
    found: Sequence[Word]
    clauses: Sequence[Clause]
    joined: str
    """The words, a space between and around them."""
    offsets: Sequence[int]
    """Where in `joined` each word's leading space stands."""
    openings: Mapping[int, int]
    """The words that may open a quote, and the clause each opens."""

    def find(self, spoken: Sequence[str]) -> Iterator[int]:
        """Find where words stand in order and together: the place of the first, left to right."""
        sought = f" {' '.join(spoken)} "
        found = self.joined.find(sought) if spoken else -1
        while found >= 0:
            yield bisect_left(self.offsets, found)
            found = self.joined.find(sought, found + 1)

    def covered(self, start: int, end: int) -> Sequence[Clause]:
        """List the clauses from the one that opens at `start` to the word before `end`; none elsewhere."""
        first = self.openings.get(start, len(self.clauses))
        return self.clauses[first : bisect_left(self.clauses, end, lo=first, key=lambda clause: clause.start)]


def read(content: str) -> Reading:
    """Read the content of a turn, once, for any number of quotes."""
    text = surface(content)
    found = split_words(text)
    texts = [word.text for word in found]
    clauses: list[Clause] = []
    previous: Sequence[Clause] = ()
    for sentence in _sentences(text, found):
        words = texts[sentence[0].start : sentence[-1].end]
        if takes_back(words):
            _mark_all(previous, "negation", sentence[0].start)
        clauses.extend(sentence)
        previous = sentence
    _mark_quotations(text, found, clauses)
    openings = {start: index for index, clause in enumerate(clauses) for start in _openings(clause)}
    offsets = list(accumulate((len(word) + 1 for word in texts[:-1]), initial=0))
    return Reading(text, found, clauses, f" {' '.join(texts)} ", offsets, openings)


def _openings(clause: Clause) -> range:
    return range(clause.start, clause.start + clause.lead + 1)


def _sentences(text: str, found: Sequence[Word]) -> Iterator[list[Clause]]:
    """Cut words into clauses, clauses into sentences, and mark what each sentence does to its clauses."""
    edges = _quotation_edges(text, found)
    sentence: list[Clause] = []
    start, asked = 0, False
    for place, word in enumerate(found):
        after = found[place + 1].start if place + 1 < len(found) else len(text)
        gap = text[word.end : after]
        ends = place + 1 == len(found) or _ends_sentence(word.text, gap)
        asked = asked or not _QUESTION_MARKS.isdisjoint(gap)
        if ends or place + 1 in edges or _CLAUSE_END.search(gap) or _joins(found, place + 1):
            lead = int(start + 1 < place + 1 and found[start].text in JOINERS)
            sentence.append(Clause(start, place + 1, lead))
            start = place + 1
        if ends:
            _mark(sentence, [item.text for item in found[sentence[0].start : start]], asked=asked)
            yield sentence
            sentence, asked = [], False


def _ends_sentence(word: str, gap: str) -> bool:
    if len(gap) == 1:
        return False
    return _SENTENCE_END.search(gap) is not None and not (gap == ". " and word in _ABBREVIATIONS)


def _joins(found: Sequence[Word], place: int) -> bool:
    """Tell whether the word at `place` opens a clause without punctuation: `and I`, `but`, `instead of`."""
    if place + 1 >= len(found):
        return False
    word, following = found[place].text, found[place + 1].text
    if contrasts([word, following], 0):
        return True
    if word == "not":
        return found[place - 1].text[-1].isdigit() and following[0].isdigit()
    return word == "but" or (word in JOINERS and following in SUBJECTS)


def _mark(sentence: Sequence[Clause], words: Sequence[str], *, asked: bool) -> None:
    first = sentence[0].start
    spoken = [words[clause.start - first : clause.end - first] for clause in sentence]
    for clause in sentence:
        clause.sentence = range(first, sentence[-1].end)
    _mark_question(sentence, spoken, asked=asked)
    for scope in SCOPES:
        _mark_scope(scope, sentence, spoken)


def _mark_scope(scope: Scope, sentence: Sequence[Clause], spoken: Sequence[Sequence[str]]) -> None:
    """Mark the clause with a scope's word, those after it, and those before it when that word opens a clause."""
    carried, reached = -1, 0
    believed = False
    for index, (clause, own) in enumerate(zip(sentence, spoken, strict=True)):
        if scope in {"negation", "past"} and not believed and _starts_afresh(own):
            carried = -1
        believed = believed or not BELIEFS.isdisjoint(own)
        place = _own_marker(scope, own)
        if place >= 0:
            clause.marks[scope] = clause.start + place
            carried = carried if contrasts(own, place) else clause.start + place
            if _reaches_back(scope, own, place):
                _mark_all(sentence[reached:index], scope, clause.start + place)
                reached = index  # those before have their mark: a turn of nothing but `not,` stays linear
        elif carried >= 0:
            clause.marks[scope] = carried


def _starts_afresh(words: Sequence[str]) -> bool:
    """Tell whether a not ends before this clause: `I don't eat meat, my budget is 500`."""
    subject = words[1:2] if words[0] in JOINERS else words[:1]
    return words[0] in {"but", "now"} or not SUBJECTS.isdisjoint(subject)


def _own_marker(scope: Scope, words: Sequence[str]) -> int:
    if scope == "negation" and is_interjection(words):
        return -1
    place = marker(scope, words)
    return 0 if place < 0 and cjk_marked(scope, words) else place


def _reaches_back(scope: Scope, words: Sequence[str], place: int) -> bool:
    if scope == "past":
        return False
    if scope == "negation":
        return is_tag(
            [word for index, word in enumerate(words) if index != place and word not in {"really", "or", "just"}]
        )
    return place < _EARLY_WORDS


def _mark_all(clauses: Sequence[Clause], scope: Scope, place: int) -> None:
    for clause in clauses:
        clause.marks.setdefault(scope, place)


def _mark_question(sentence: Sequence[Clause], spoken: Sequence[Sequence[str]], *, asked: bool) -> None:
    """A statement before a question stays one (`I live in Rome, can you help?`), unless a tag asks about it."""
    opening = next((index for index, words in enumerate(spoken) if asks(words) or cjk_marked("question", words)), -1)
    tagged = asked and any(is_tag(words) for words in spoken[1:])
    if opening < 0 and (not asked or (is_request(spoken[-1]) and not tagged)):
        return
    _mark_all(sentence[0 if tagged or opening < 0 else opening :], "question", sentence[0].start)


def _quotation_edges(text: str, found: Sequence[Word]) -> frozenset[int]:
    return frozenset(place for stretch in quoted_words(text, found) for place in stretch)


def _mark_quotations(text: str, found: Sequence[Word], clauses: Sequence[Clause]) -> None:
    starts = [clause.start for clause in clauses]
    for first, last in quoted_words(text, found):
        quoted = clauses[bisect_left(starts, first) : bisect_left(starts, last)]
        _mark_all(quoted, "quotation", first)
