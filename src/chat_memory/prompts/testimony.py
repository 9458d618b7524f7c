"""What the user said, as facts to confirm: attested user turns only, and only what the gate's own proof accepts."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, islice

from chat_memory.models import Fact, ProposedFact, Turn
from chat_memory.prompts.clauses import Reading, read
from chat_memory.prompts.corrections import corrects_something, find_corrections, find_outdated, is_withdrawal
from chat_memory.prompts.keys import CORRECTIONS
from chat_memory.prompts.proof import QUOTE_CHARS
from chat_memory.prompts.quotes import prove, retraction_objection
from chat_memory.prompts.scopes import SCOPES, carries
from chat_memory.prompts.sentences import split_sentences
from chat_memory.prompts.spans import SpanType
from chat_memory.prompts.statements import Statement, find_statements
from chat_memory.prompts.tokens import count_facts
from chat_memory.prompts.words import key_words, lexicon, strip_ending, words

TURN_CHARS = 16_384
"""How much of a turn is searched, characters from its beginning; the summary still sees the rest."""
FOLD_CHARS = 32_768
"""How much of a fold is searched, characters, newest turns first: the server waits for it."""
SPANS_SHARE = 0.4
"""Share of the room for facts that bare numbers, dates and addresses may fill; `I live in` and its like have it all."""
TURN_FACTS = 8
"""Most facts taken from one turn."""
BRIEF_WORDS = 40
"""Longest turn whose names and kinds of things are kept: a request or an answer. A longer one tells a story."""
FOLD_FACTS = 128
"""Most facts taken from one fold, the newest: half of what the gate judges."""
TURN_TRIES = 32
"""Most statements of one turn that are put to the proof."""

_LEAVING = lexicon("depart departur")
"""Stems of what `leav` says too: in keys `leave` and `depart` are one."""
_NAMELESS: frozenset[SpanType] = frozenset({"date", "time", "money", "count", "number", "url"})
_EDGE = re.compile(
    r"[,;:()](?=\s)|\s[-\u2013\u2014]+(?=\s)|\s(?=(?:but|instead of)\b)"
    r"|\s(?=(?:and|so) (?:i|i['\u2019]\w+|my|we|our)\b)",
    re.IGNORECASE,
)


def find_testimony(turns: Iterable[Turn], confirmed: Sequence[Fact], room: int) -> list[ProposedFact]:
    """Find what the user states or corrects in the turns of a fold; `room`: tokens of a memory's confirmed facts."""
    known = _Known(room)
    for fact in confirmed:
        known.hold(fact)
    found: list[ProposedFact] = []
    for turn in _within_budget([turn for turn in turns if turn.is_users_word]):
        found.extend(islice(_read_turn(turn, known), TURN_FACTS))
    return found[-FOLD_FACTS:]


def _within_budget(turns: Sequence[Turn]) -> Sequence[Turn]:
    """Leave out the oldest turns of a fold too long to search: what a later one corrects must not outlive it."""
    sizes = accumulate(min(len(turn.content), TURN_CHARS) for turn in reversed(turns))
    count = sum(1 for size in sizes if size <= FOLD_CHARS)
    return turns[len(turns) - count :]


@dataclass(slots=True)
class _Known:
    """The confirmed facts as the fold goes on, so that a later sentence can correct an earlier one."""

    room: int
    facts: dict[tuple[str, ...], Fact] = field(default_factory=dict[tuple[str, ...], Fact])
    costs: dict[tuple[str, ...], int] = field(default_factory=dict[tuple[str, ...], int])

    def hold(self, fact: Fact) -> None:
        """Hold a fact, last of all, in place of the one with its key."""
        label = _label(fact.key)
        self.facts.pop(label, None)
        self.facts[label] = fact
        self.costs[label] = count_facts([fact]) if fact.origin is None else 0  # one that was carried over gives way

    def take(self, fact: Fact, share: float) -> bool:
        """Take in a fact; False when a new key has no room left in its share."""
        if _label(fact.key) not in self.facts and sum(self.costs.values()) + count_facts([fact]) > share * self.room:
            return False
        self.hold(fact)
        return True

    def drop(self, label: tuple[str, ...]) -> None:
        """Let go of a fact that was taken back."""
        del self.facts[label], self.costs[label]

    def find(self, key: str) -> Fact | None:
        """Find the fact of a key."""
        return self.facts.get(_label(key))


def _label(key: str) -> tuple[str, ...]:
    return tuple("leav" if word in _LEAVING else word for word in map(strip_ending, key_words(key)))


def _read_turn(turn: Turn, known: _Known) -> Iterator[ProposedFact]:
    text = turn.content[:TURN_CHARS]
    reading = read(text)
    sentences = split_sentences(text)
    yield from _withdraw(filter(is_withdrawal, sentences), reading, turn.seq, known)
    for sentence, statement, plain in islice(_candidates(text, known, turn.seq), TURN_TRIES):
        if _is_another(statement, known.find(statement.key), words(sentence)):
            continue
        quote = _prove(statement, sentence, reading, known.find(statement.key), plain=plain)
        proposal = _propose(statement, quote, turn.seq, known) if quote else None
        if proposal is not None:
            yield proposal
    yield from _withdraw(sentences, reading, turn.seq, known)


def _withdraw(sentences: Iterable[str], reading: Reading, seq: int, known: _Known) -> Iterator[ProposedFact]:
    """Find the stored facts that sentences take back: `I no longer live in Rome`, `forget my phone number`."""
    for sentence in islice(sentences, TURN_FACTS):
        quote = sentence.strip(" .!")
        for label, fact in list(known.facts.items()):
            if (
                fact.id
                and fact.source_seq < seq
                and len(quote) <= QUOTE_CHARS
                and not retraction_objection(fact, quote, reading)
            ):
                known.drop(label)
                yield ProposedFact(
                    op="retract",
                    key=fact.key,
                    value="",
                    basis="user_stated",
                    quote=quote,
                    source_seq=seq,
                    replaces=fact.id,
                )


def _candidates(text: str, known: _Known, seq: int) -> Iterator[tuple[str, Statement, bool]]:
    """Find what each sentence corrects, else states: the sentence, the statement, and whether it is a plain one."""
    cue = ""
    brief = len(text.split()) <= BRIEF_WORDS
    for sentence in split_sentences(text):
        corrections = find_corrections(sentence, list(known.facts.values()))
        if corrects_something(sentence):
            cue = sentence
        for statement in corrections or find_statements(sentence, brief=brief):
            old = None
            if cue and not corrections:
                old = find_outdated(statement, _clause(sentence, statement), list(known.facts.values()), seq)
            if old is not None:
                quote = sentence if cue == sentence else text[text.find(cue) : text.find(sentence) + len(sentence)]
                yield quote, replace(statement, key=old.key), False
            else:
                yield sentence, statement, not corrections


def _prove(statement: Statement, sentence: str, reading: Reading, known: Fact | None, *, plain: bool) -> str:
    """Find the shortest quote that proves a statement: its clause, or its sentence; empty when neither does.

    A `plain` one has no not, if or `he said` in it at all, even where the value would repeat it.
    """
    for quote in dict.fromkeys((_clause(sentence, statement), sentence)):
        if len(quote) > QUOTE_CHARS:
            continue
        hedged = plain and any(carries(scope, words(quote)) for scope in SCOPES)
        if not hedged and not prove(statement.key, statement.value, quote, reading, known).reason:
            return quote
    return ""


def _clause(sentence: str, statement: Statement) -> str:
    start, end = 0, len(sentence)
    for edge in _EDGE.finditer(sentence):
        if edge.end() <= statement.start:
            start = edge.end()
        elif edge.start() >= statement.end:
            end = edge.start()
            break
    return sentence[start:end].strip(" .!")


def _is_another(statement: Statement, old: Fact | None, spoken: Sequence[str]) -> bool:
    """Tell whether a bare date or number is of something else than the known one: no correction, no name for it."""
    if old is None or statement.kind not in _NAMELESS or statement.key != statement.kind:
        return False
    changed = words(old.value) != words(statement.value) and CORRECTIONS.isdisjoint(spoken)
    return changed and statement.key not in spoken


def _propose(statement: Statement, quote: str, seq: int, known: _Known) -> ProposedFact | None:
    old = known.find(statement.key)
    fact = Fact(
        id=old.id if old else "",
        key=old.key if old else statement.key,
        value=statement.value,
        basis="user_stated",
        source_seq=seq,
        quote=quote,
        first_version=0,
        last_version=0,
    )
    is_bare = statement.kind is not None
    if not known.take(fact, SPANS_SHARE if is_bare else 1.0) and is_bare:  # others the gate refuses by name
        return None
    same = old is not None and words(old.value) == words(statement.value)
    return ProposedFact(
        op="add" if not fact.id else "confirm" if same else "supersede",
        key=fact.key,
        value=fact.value,
        basis="user_stated",
        quote=quote,
        source_seq=seq,
        replaces=fact.id,
    )
