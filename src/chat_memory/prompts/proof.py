"""What a proposal is worth: the rules of the gate for one fact and the turn it cites, a function each.

`gate.RULES` has them in their order. Each says where the proposal goes, or leaves it to the next (None).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from chat_memory.models import Basis, Fact, ProposedFact, Turn
from chat_memory.prompts.clauses import Reading, read
from chat_memory.prompts.instructions import find_instruction, find_label
from chat_memory.prompts.keys import is_personal
from chat_memory.prompts.offers import find_displaced
from chat_memory.prompts.quotes import Proof, find_told, occurs, prove, retraction_objection
from chat_memory.prompts.scopes import affirms
from chat_memory.prompts.words import content_words, words

KEY_CHARS = 80
"""Longest key, characters: a label, not a sentence."""
VALUE_CHARS = 400
"""Longest value, characters: two or three sentences."""
QUOTE_CHARS = 1000
"""Longest quote, characters: a paragraph."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where a proposal may go and as what, empty for nowhere; `reason` says why that is less than it asked for."""

    field: Literal["user_confirmed", "llm_inferred", "quarantine", ""]
    basis: Basis = "inferred"
    reason: str = ""
    value: str = ""
    quote: str = ""
    """The turn's own words, for what is confirmed; the proposal's characters never are."""
    source_seq: int = 0
    """The turn the quote is from, where that is another than the one cited."""
    displaces: bool = False
    """Whether an assumption takes the place of the confirmed fact of its key."""


class Evidence:
    """The turns a fold may cite, each read at most once."""

    def __init__(
        self, turns: Mapping[int, Turn], *, echoes: Sequence[str] = (), affirmed_confirms: bool = False
    ) -> None:
        """Hold the turns by seq: those of the fold and those existing facts cite.

        `echoes` are a prompt's examples, facts as `key: value`; `affirmed_confirms` lets a yes confirm (rule 3).
        """
        self.turns = turns
        self.echoes = echoes
        self.affirmed_confirms = affirmed_confirms
        self._readings: dict[int, Reading] = {}

    def read(self, turn: Turn) -> Reading:
        """Read a turn as the gate sees it."""
        if turn.seq not in self._readings:
            self._readings[turn.seq] = read(turn.content)
        return self._readings[turn.seq]

    def object_to_citation(self, proposal: ProposedFact) -> str:
        """Say why the turn a proposal names cannot be its evidence; empty when its quote stands there."""
        turn = self.turns.get(proposal.source_seq)
        if turn is None:
            return f"turn {proposal.source_seq} is not evidence of this fold"
        if len(proposal.quote) > QUOTE_CHARS:
            return f"the quote is longer than {QUOTE_CHARS} characters"
        if proposal.quote.strip() and not self._holds(turn, proposal.quote.strip()):
            return f"the quote is not in turn {turn.seq}"
        return ""

    def weigh_retraction(self, proposal: ProposedFact, old: Fact, *, confirmed: bool) -> str:
        """Say why a proposal may not take back `old`; a confirmed fact goes by the user's own words only."""
        refusal = self.object_to_citation(proposal)
        if refusal or not confirmed:
            later = old.outlasts(proposal.source_seq)
            return refusal or (f"turn {old.source_seq} says so, and is later" if later else "")
        turn = self.turns[proposal.source_seq]
        if proposal.basis != "user_stated" or not turn.is_users_word:
            return "only the user's own words take back a confirmed fact"
        if old.outlasts(proposal.source_seq):
            return f"the user said so later, in turn {old.source_seq}"
        return retraction_objection(old, proposal.quote, self.read(turn))

    def _holds(self, turn: Turn, quote: str) -> bool:
        return occurs(quote, self.read(turn)) if words(quote) else quote in turn.content


@dataclass(frozen=True, slots=True)
class Case:
    """One proposal to add, confirm or supersede, the evidence of its fold, and what is confirmed so far."""

    proposal: ProposedFact
    evidence: Evidence
    known: Fact | None = None
    """The confirmed fact of its key."""
    confirmed: Sequence[Fact] = ()

    @property
    def turn(self) -> Turn:
        """The turn it cites, once it is known to be there."""
        return self.evidence.turns[self.proposal.source_seq]

    def is_told(self) -> bool:
        """Tell whether the turn it cites says its value, whoever wrote that."""
        return occurs(self.proposal.value, self.evidence.read(self.turn))


def refuse_malformed(case: Case) -> Verdict | None:
    """Drop what has no form: a key is a label, a value at most a few sentences."""
    proposal = case.proposal
    for name, text, limit in (("key", proposal.key, KEY_CHARS), ("value", proposal.value, VALUE_CHARS)):
        if not text.strip():
            return Verdict("", reason=f"the {name} is empty")
        if len(text) > limit:
            return Verdict("", reason=f"the {name} is longer than {limit} characters")
    return None


def refuse_uncited(case: Case) -> Verdict | None:
    """Drop what names no turn of this fold or of a stored fact, or quotes words that do not stand there (rule 1)."""
    refusal = case.evidence.object_to_citation(case.proposal)
    return Verdict("", reason=refusal) if refusal else None


def refuse_echo(case: Case) -> Verdict | None:
    """Drop a fact of the prompt's own examples that nobody in the chat said (rule 7)."""
    key, value = words(case.proposal.key), words(case.proposal.value)
    for echo in case.evidence.echoes:
        label, _, example = echo.partition(": ")
        alike = words(example) == value and (words(label) == key or len(value) > 1)
        if alike and not any(
            occurs(case.proposal.value, case.evidence.read(turn)) for turn in case.evidence.turns.values()
        ):
            return Verdict("", reason="it repeats an example of the prompt")
    return None


def quarantine_instruction(case: Case, verdict: Verdict) -> Verdict:
    """Keep away from the memory what reads like an instruction to a model (rule 6)."""
    proposal = case.proposal
    own = case.turn.is_users_word and case.is_told()
    texts = dict.fromkeys((proposal.key, proposal.value, proposal.quote, verdict.value, verdict.quote))
    found = find_instruction("\n".join(texts), users_own=own) or find_label(proposal.key) or find_label(proposal.value)
    return Verdict("quarantine", reason=found) if found else verdict


def confirm_stated(case: Case) -> Verdict | None:
    """Confirm what an attested user turn states in a quote of whole clauses with the value's own words (rule 2)."""
    proposal, turn = case.proposal, case.turn
    if proposal.basis != "user_stated":
        return None
    proof = Proof(f"turn {turn.seq} is not an attested user turn")
    if turn.is_users_word:
        proof = prove(proposal.key, proposal.value, proposal.quote, case.evidence.read(turn), case.known)
    if proof.reason:
        return _assume(case, proof.reason)
    return Verdict("user_confirmed", "user_stated", value=proof.value, quote=proof.quote)


def confirm_affirmed(case: Case) -> Verdict | None:
    """Confirm what the user said yes to only where that is asked for, and only in words the user has used (rule 3)."""
    proposal, evidence = case.proposal, case.evidence
    if not (evidence.affirmed_confirms and _is_answered_yes(case)):
        return None
    for seq in sorted(evidence.turns, reverse=True):
        turn = evidence.turns[seq]
        if seq <= proposal.source_seq and turn.is_users_word:
            proof = find_told(proposal.key, proposal.value, evidence.read(turn))
            if not proof.reason:
                return Verdict("user_confirmed", "user_affirmed", value=proof.value, quote=proof.quote, source_seq=seq)
    return None


def accept_offer(case: Case) -> Verdict | None:
    """Let what the user took in the place of a confirmed value that could not be had displace it, as an assumption.

    The turn before the user's yes is the assistant's, declines, and offers that value; nothing else said there counts.
    """
    asked = case.evidence.turns.get(case.proposal.source_seq - 1)
    if case.proposal.basis != "user_affirmed" or asked is None or asked.role != "assistant":
        return None
    displaced = find_displaced(asked.content, case.turn.content, case.confirmed) if case.turn.is_users_word else None
    decided = case.known is not None and case.known.basis == "operator"
    if displaced is None or decided or displaced[0] != case.known or words(displaced[1]) != words(case.proposal.value):
        return None
    return Verdict("llm_inferred", "user_affirmed", displaces=True)


def _is_answered_yes(case: Case) -> bool:
    """Tell whether the user says yes to the assistant's turn before, and that one says the value."""
    proposal, turns = case.proposal, case.evidence.turns
    if proposal.basis != "user_affirmed" or _mismatch(case) or not affirms(words(proposal.quote)):
        return False
    asked = turns.get(proposal.source_seq - 1)
    return asked is not None and asked.role == "assistant" and occurs(proposal.value, case.evidence.read(asked))


def assume(case: Case) -> Verdict:
    """Take the rest for what it is: an assumption, with its basis (rule 3)."""
    mismatch = _mismatch(case)
    return _assume(case, mismatch, "inferred" if mismatch else case.proposal.basis)


def _assume(case: Case, reason: str, basis: Basis = "inferred") -> Verdict:
    """Assume, but nothing of what a person is that nobody said."""
    if is_personal(case.proposal.key) and content_words(case.proposal.value) and not case.is_told():
        return Verdict("", reason="nobody said so of a person")
    return Verdict("llm_inferred", basis, reason)


def _mismatch(case: Case) -> str:
    """Say why the turn does not bear out the basis an assumption claims."""
    proposal, turn = case.proposal, case.turn
    if proposal.basis == "user_affirmed" and not (proposal.quote.strip() and turn.is_users_word):
        return "affirmed without the words of an attested user turn"
    if proposal.basis == "assistant_said" and not (proposal.quote.strip() and turn.role == "assistant"):
        return "said by the assistant without the words of an assistant turn"
    return ""
