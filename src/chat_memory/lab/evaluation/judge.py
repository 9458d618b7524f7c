"""A strict judge: a model that reads a memory beside its turns, and says what of it holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

from pydantic import Field, ValidationError

from chat_memory.errors import ModelAnswerError
from chat_memory.lab.evaluation.finding import Share
from chat_memory.lab.evaluation.kept_answers import KeptAnswers
from chat_memory.models import Fact, Frozen, Memory, Turn
from chat_memory.prompts.claude.answer import UNUSABLE, unfence
from chat_memory.prompts.claude.request import write_question
from chat_memory.prompts.summarizer import FoldRequest
from chat_memory.settings import Settings

RULES = (files("chat_memory.lab.evaluation") / "judge.md").read_text("utf-8")


class Verdict(Frozen):
    """What a fact is worth."""

    id: str
    verdict: Literal["holds", "outdated", "unsupported"]


class Judgement(Frozen):
    """What a memory is worth; counts are of the summary's single statements."""

    facts: tuple[Verdict, ...]
    missed: tuple[str, ...]
    statements: int = Field(ge=0)
    unsupported: int = Field(ge=0)


@dataclass(frozen=True, slots=True)
class Judge:
    """Asks a model, in the same form as a fold is asked for."""

    answers: KeptAnswers
    settings: Settings

    async def judge(self, memory: Memory, turns: Sequence[Turn]) -> Mapping[str, Share]:
        """Weigh a memory: what each figure gets of it.

        Raises:
            ModelError: there is no judgement.
        """
        request = FoldRequest(memory, 0, turns, self.settings.memory_tokens)
        reply = await self.answers.ask(RULES, write_question(request, self.settings.model_fold_bytes))
        if reply.stop_reason in UNUSABLE:
            raise ModelAnswerError(model=self.settings.model, reason=UNUSABLE[reply.stop_reason])
        try:
            return weigh(memory, Judgement.model_validate_json(unfence(reply.text)))
        except ValidationError:
            raise ModelAnswerError(model=self.settings.model, reason="it is no judgement") from None


def weigh(memory: Memory, judgement: Judgement) -> dict[str, Share]:
    """Turn verdicts into shares; a fact without a verdict does not hold."""
    holds = {verdict.id for verdict in judgement.facts if verdict.verdict == "holds"}
    outdated = {verdict.id for verdict in judgement.facts if verdict.verdict == "outdated"}

    def share(facts: Sequence[Fact], ids: set[str]) -> Share:
        return Share(sum(fact.id in ids for fact in facts), len(facts))

    kept = share(memory.user_confirmed, holds)
    borne_out = max(judgement.statements - judgement.unsupported, 0)
    return {
        "confirmed.precision": kept,
        "confirmed.outdated": share(memory.user_confirmed, outdated),
        "inferred.precision": share(memory.llm_inferred, holds),
        "summary.precision": Share(borne_out, judgement.statements),
        "recall": Share(kept.hits, kept.hits + len(judgement.missed)),
    }
