"""A person's word on a memory: facts rejected, confirmed, corrected, or taken back from a past version.

Pure, like the gate, which judges whatever claims a quote: the same memory, verdicts and turns give the same answer.
"""

from collections.abc import Mapping, Sequence

from chat_memory.errors import FullMemoryError, UnprovenVerdictError
from chat_memory.models import Delta, ProposedFact, Turn
from chat_memory.prompts.docket import Bench, Docket
from chat_memory.prompts.gate import admit
from chat_memory.prompts.revision import Admitted
from chat_memory.prompts.tokens import CAP_SHARE, count_facts
from chat_memory.prompts.wanted import Confirmation, Correction, Verdicts


def judge(bench: Bench, wanted: Verdicts, turns: Mapping[int, Turn]) -> Admitted | None:
    """Give the verdicts, all or none; None when the memory says so already.

    Facts are rejected, then taken back, then corrected and confirmed. What comes without a quote is a person's own
    word: whoever calls has asked that person. `turns` holds, by seq, those that are quoted.

    Raises:
        VerdictError: names the one that cannot be taken, and why.
    """
    docket = Docket.of(bench)
    for fact_id in dict.fromkeys(wanted.reject):
        docket.reject(fact_id)
    if bench.past is not None:
        docket.take_back(bench.past)
    given: list[tuple[Confirmation, ProposedFact | None]] = [(one, docket.correct(one)) for one in wanted.correct]
    given += [(one, docket.confirm(one)) for one in wanted.confirm]
    claimed = [(one, proposal) for one, proposal in given if proposal is not None]
    delta = Delta(facts=tuple(proposal for _, proposal in claimed))
    admitted = admit(docket.memory(), delta, turns, version=bench.version, memory_tokens=bench.memory_tokens)
    _refuse_unproven(admitted, claimed)
    if bench.past is not None or wanted.confirm or wanted.correct:  # a rejection makes room
        _refuse_overflow(admitted, bench)
    return None if admitted.memory == bench.memory else docket.tell(admitted)


def _refuse_unproven(admitted: Admitted, claimed: Sequence[tuple[Confirmation, ProposedFact]]) -> None:
    """Refuse the whole call for the first verdict that does not get what it asks for."""
    for refused in admitted.change.refused:
        asked = refused.proposal
        of_key = [
            one for one, proposal in claimed if (proposal.key, proposal.source_seq) == (asked.key, asked.source_seq)
        ]
        for one in of_key:
            verdict = "corrected" if isinstance(one, Correction) else "confirmed"
            raise UnprovenVerdictError(id=one.id[:40], verdict=verdict, reason=refused.reason)


def _refuse_overflow(admitted: Admitted, bench: Bench) -> None:
    """Refuse what would push out more than guesses; what is taken back pushes out nothing."""
    limit = int(bench.memory_tokens * CAP_SHARE)
    confirmed, evicted = admitted.memory.user_confirmed, admitted.change.evicted
    guesses = bench.memory.llm_inferred if bench.past is None else ()
    if count_facts(confirmed) > limit or any(fact not in guesses for fact in evicted):
        raise FullMemoryError(needed=count_facts((*confirmed, *admitted.memory.llm_inferred, *evicted)), room=limit)
