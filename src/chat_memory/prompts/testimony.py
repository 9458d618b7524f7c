"""What the user said, as facts to confirm: attested user turns only, and only what the gate's own proof accepts."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from chat_memory.models import Fact, ProposedFact, Turn
from chat_memory.prompts.clauses import Reading, read
from chat_memory.prompts.corrections import find_corrections
from chat_memory.prompts.quotes import objection
from chat_memory.prompts.scopes import SCOPES, carries
from chat_memory.prompts.sentences import split_sentences
from chat_memory.prompts.statements import Statement, find_statements
from chat_memory.prompts.tokens import count_facts
from chat_memory.prompts.words import key_words, words

TURN_CHARS = 16_384
"""How much of a turn is searched, characters from its beginning; the summary still sees the rest."""
SPANS_SHARE = 0.6
"""Share of the room for facts that bare numbers, dates and addresses may fill; `I live in` and its like have it all."""
TURN_FACTS = 8
"""Most facts taken from one turn."""
TURN_TRIES = 32
"""Most statements of one turn that are put to the proof."""

_EDGE = re.compile(
    r"[,;:()](?=\s)|\s[-\u2013\u2014]+(?=\s)|\s(?=(?:but|instead of)\b)"
    r"|\s(?=(?:and|so) (?:i|i['\u2019]\w+|my|we|our)\b)",
    re.IGNORECASE,
)


def find_testimony(turns: Iterable[Turn], confirmed: Sequence[Fact], room: int) -> list[ProposedFact]:
    """Find what the user states or corrects in the turns of a fold; confirmed facts stay within `room` tokens."""
    known = _Known(list(confirmed), room)
    found: list[ProposedFact] = []
    for turn in turns:
        if turn.role == "user" and turn.attested:
            found.extend(islice(_read_turn(turn, known), TURN_FACTS))
    return found


@dataclass(slots=True)
class _Known:
    """The confirmed facts as the fold goes on, so that a later sentence can correct an earlier one."""

    facts: list[Fact]
    room: int

    def take(self, fact: Fact, share: float) -> bool:
        """Take in a fact in place of the one with its key; False when a new key has no room left in its share."""
        others = [known for known in self.facts if key_words(known.key) != key_words(fact.key)]
        is_new = len(others) == len(self.facts)
        if is_new and count_facts([*others, fact]) > share * self.room:
            return False
        self.facts = [*others, fact]
        return True

    def find(self, key: str) -> Fact | None:
        """Find the fact of a key."""
        return next((fact for fact in self.facts if key_words(fact.key) == key_words(key)), None)


def _read_turn(turn: Turn, known: _Known) -> Iterator[ProposedFact]:
    text = turn.content[:TURN_CHARS]
    reading = read(text)
    for sentence, statement, plain in islice(_candidates(text, known), TURN_TRIES):
        quote = _prove(statement, sentence, reading, plain=plain)
        proposal = _propose(statement, quote, turn.seq, known) if quote else None
        if proposal is not None:
            yield proposal


def _candidates(text: str, known: _Known) -> Iterator[tuple[str, Statement, bool]]:
    """Find what each sentence corrects, else states: the sentence, the statement, and whether it is a plain one."""
    for sentence in split_sentences(text):
        corrections = find_corrections(sentence, known.facts)
        for statement in corrections or find_statements(sentence):
            yield sentence, statement, not corrections


def _prove(statement: Statement, sentence: str, reading: Reading, *, plain: bool) -> str:
    """Find the shortest quote that proves a statement: its clause, or its sentence; empty when neither does.

    A `plain` one has no not, if or `he said` in it at all, even where the value would repeat it.
    """
    for quote in dict.fromkeys((_clause(sentence, statement), sentence)):
        hedged = plain and any(carries(scope, words(quote)) for scope in SCOPES)
        if not hedged and not objection(statement.key, statement.value, quote, reading):
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
    if not known.take(fact, 1.0 if statement.kind is None else SPANS_SHARE):
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
