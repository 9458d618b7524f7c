"""What a proposal is worth: rules 1 to 3 of the gate, one proposal and its cited turn at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from chat_memory.models import Basis, Fact, ProposedFact, Turn
from chat_memory.prompts.clauses import Reading, read
from chat_memory.prompts.quotes import Proof, occurs, prove, retraction_objection
from chat_memory.prompts.words import words

KEY_CHARS = 80
"""Longest key, characters: a label, not a sentence."""
VALUE_CHARS = 400
"""Longest value, characters: two or three sentences."""
QUOTE_CHARS = 1000
"""Longest quote, characters: a paragraph."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where a proposal may go and as what; `reason` says why that is less than it asked for."""

    field: Literal["user_confirmed", "llm_inferred", ""]
    basis: Basis = "inferred"
    reason: str = ""
    value: str = ""
    quote: str = ""
    """The turn's own words, for what is confirmed; the proposal's characters never are."""


class Evidence:
    """The turns a fold may cite, each read at most once."""

    def __init__(self, turns: Mapping[int, Turn]) -> None:
        """Hold the turns by seq: those of the fold and those existing facts cite."""
        self._turns = turns
        self._readings: dict[int, Reading] = {}

    def weigh(self, proposal: ProposedFact, known: Fact | None = None) -> Verdict:
        """Judge an add, confirm or supersede by its form, turn, basis and quote; `known` has its key already."""
        refusal = _malformed(proposal) or self._uncited(proposal)
        if refusal:
            return Verdict("", reason=refusal)
        turn = self._turns[proposal.source_seq]
        if proposal.basis == "user_stated":
            proof = self._prove(proposal, turn, known)
            if proof.reason:
                return Verdict("llm_inferred", reason=proof.reason)
            return Verdict("user_confirmed", "user_stated", value=proof.value, quote=proof.quote)
        mismatch = _mismatch(proposal, turn)
        return Verdict("llm_inferred", reason=mismatch) if mismatch else Verdict("llm_inferred", proposal.basis)

    def weigh_retraction(self, proposal: ProposedFact, old: Fact, *, confirmed: bool) -> str:
        """Say why a proposal may not take back `old`; a confirmed fact goes by the user's own words only."""
        refusal = self._uncited(proposal)
        if refusal or not confirmed:
            later = old.outlasts(proposal.source_seq)
            return refusal or (f"turn {old.source_seq} says so, and is later" if later else "")
        turn = self._turns[proposal.source_seq]
        if proposal.basis != "user_stated" or not _is_users_word(turn):
            return "only the user's own words take back a confirmed fact"
        if old.outlasts(proposal.source_seq):
            return f"the user said so later, in turn {old.source_seq}"
        return retraction_objection(old, proposal.quote, self._reading(turn))

    def _prove(self, proposal: ProposedFact, turn: Turn, known: Fact | None) -> Proof:
        if not _is_users_word(turn):
            return Proof(f"turn {turn.seq} is not an attested user turn")
        return prove(proposal.key, proposal.value, proposal.quote, self._reading(turn), known)

    def _uncited(self, proposal: ProposedFact) -> str:
        turn = self._turns.get(proposal.source_seq)
        if turn is None:
            return f"turn {proposal.source_seq} is not evidence of this fold"
        if len(proposal.quote) > QUOTE_CHARS:
            return f"the quote is longer than {QUOTE_CHARS} characters"
        if proposal.quote.strip() and not self._holds(turn, proposal.quote.strip()):
            return f"the quote is not in turn {turn.seq}"
        return ""

    def _holds(self, turn: Turn, quote: str) -> bool:
        return occurs(quote, self._reading(turn)) if words(quote) else quote in turn.content

    def _reading(self, turn: Turn) -> Reading:
        if turn.seq not in self._readings:
            self._readings[turn.seq] = read(turn.content)
        return self._readings[turn.seq]


def _is_users_word(turn: Turn) -> bool:
    return turn.role == "user" and turn.attested


def _malformed(proposal: ProposedFact) -> str:
    for name, text, limit in (("key", proposal.key, KEY_CHARS), ("value", proposal.value, VALUE_CHARS)):
        if not text.strip():
            return f"the {name} is empty"
        if len(text) > limit:
            return f"the {name} is longer than {limit} characters"
    return ""


def _mismatch(proposal: ProposedFact, turn: Turn) -> str:
    """Say why the turn does not bear out the basis an assumption claims."""
    if proposal.basis == "user_affirmed" and not (proposal.quote.strip() and _is_users_word(turn)):
        return "affirmed without the words of an attested user turn"
    if proposal.basis == "assistant_said" and not (proposal.quote.strip() and turn.role == "assistant"):
        return "said by the assistant without the words of an assistant turn"
    return ""
