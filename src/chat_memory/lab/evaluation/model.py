"""The suite model: Claude folds dialogues, and a strict judge says what the memories are worth."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from chat_memory.errors import FoldError, ModelAvoidedError, ModelRefusedError
from chat_memory.lab.evaluation.checks import Checks
from chat_memory.lab.evaluation.finding import Finding, Share
from chat_memory.lab.evaluation.judge import Judge, Judgement
from chat_memory.lab.evaluation.kept_answers import KeptAnswers, Purse
from chat_memory.lab.evaluation.loaders import dialogues, sgd
from chat_memory.lab.evaluation.loaders.dialogues import Dialogue
from chat_memory.lab.evaluation.study import CALLER, Study
from chat_memory.models import Delta, Message, Usage, chat_key
from chat_memory.prompts.choice import uses_model
from chat_memory.prompts.claude.provider import Provider
from chat_memory.prompts.claude.summarizer import Claude
from chat_memory.storage import chat_metadata, turns
from chat_memory.tools.summarize import summarize
from chat_memory.tools.toolbox import Toolbox
from chat_memory.tools.update_memory import update_memory

SET = "dialogues"
OTHERWISE, SPLIT = "sgd", "dev"
MOST_DIALOGUES = 20
"""How many are folded unless --limit says: some cents at the list price of a small model."""
FOLD_MESSAGES = 6
"""A fold reads so many messages: three exchanges, as where a user types faster than a model answers."""


@dataclass(slots=True)
class Tally:
    """What the judge gave, by figure and dialogue; `failed` are dialogues the model gave no answer to."""

    checks: Checks = field(default_factory=Checks)
    samples: dict[str, dict[str, Share]] = field(default_factory=dict[str, dict[str, Share]])
    judged: int = 0
    failed: int = 0
    stopped: bool = False

    def add(self, dialogue: str, shares: Mapping[str, Share]) -> None:
        """Count one judged dialogue."""
        self.judged += 1
        for figure, share in shares.items():
            self.samples.setdefault(figure, {})[dialogue] = share


async def measure(study: Study) -> Finding:
    """Measure `model.*`; without a key nothing is asked and nothing is measured.

    Raises:
        ModelRefusedError: the key, its credit or the model is none.
        MissingSetError: there are no dialogues, neither of one's own nor of SGD.
    """
    if not uses_model(study.settings):
        study.report("no key is set (ANTHROPIC_API_KEY), so no model is asked and nothing is measured", 0, 0)
        return Finding({})
    chosen = study.choose(read_dialogues(study), lambda dialogue: dialogue.id)
    purse, tally = Purse(study.budget_usd), Tally()
    async with open_models(study, purse) as (claude, judge), study.open_box(claude) as box:
        await judge_all(study, Judging(box, judge, tally), chosen[: study.limit or MOST_DIALOGUES])
    study.report(f"{purse.paid:.4f} USD paid, answers are worth {purse.worth:.4f} USD", 0, 0)
    figures = {"failed": tally.failed, "usd": purse.worth, "paid_usd": purse.paid, "stopped": float(tally.stopped)}
    return Finding({SET: tally.judged}, tally.samples, figures, tally.checks)


def read_dialogues(study: Study) -> Sequence[Dialogue]:
    """Read the user's own dialogues, where they are; else those of SGD.

    Raises:
        MissingSetError: neither is there.
    """
    if own := study.find(SET):
        return dialogues.read(own)
    return [
        Dialogue(id=each.id, messages=[Message(role=saying.role, content=saying.text) for saying in each.sayings])
        for each in sgd.read(study.folder(OTHERWISE), SPLIT)
    ]


@asynccontextmanager
async def open_models(study: Study, purse: Purse) -> AsyncGenerator[tuple[Claude, Judge]]:
    """Open who folds and who judges: one provider, one purse, one folder of answers."""

    async def record(_: Usage) -> None:
        """Count nothing: the purse does."""

    settings = study.settings
    folding, judging = (
        KeptAnswers(Provider(settings, answer), settings, purse, study.answers) for answer in (Delta, Judgement)
    )
    claude = Claude(settings, record, folding)
    try:
        yield claude, Judge(judging, settings)
    finally:
        await claude.close()
        await judging.close()


@dataclass(frozen=True, slots=True)
class Judging:
    """Where dialogues are folded and judged, and what came of it."""

    box: Toolbox
    judge: Judge
    tally: Tally

    async def judge_dialogue(self, dialogue: Dialogue) -> None:
        """Fold a dialogue as it goes on, check its memory, and have it judged.

        Raises:
            FoldError: the model folded nothing, or gave no judgement.
        """
        for start in range(0, len(dialogue.messages), FOLD_MESSAGES):
            await update_memory(self.box, CALLER, dialogue.id, dialogue.messages[start : start + FOLD_MESSAGES])
            await summarize(self.box, CALLER, dialogue.id)
        await self.tally.checks.look(self.box, dialogue.id)
        key = chat_key(CALLER.owner, dialogue.id)
        seqs = range(1, len(dialogue.messages) + 1)
        stored = await self.box.db.run(lambda session: chat_metadata.read_memory(session, key))
        said = await self.box.db.run(lambda session: turns.read_turns(session, key, seqs))
        self.tally.add(dialogue.id, await self.judge.judge(stored.memory, [said[seq] for seq in seqs]))


async def judge_all(study: Study, judging: Judging, chosen: Sequence[Dialogue]) -> None:
    """Go through dialogues until the budget might not suffice; one without an answer is counted and left.

    Raises:
        ModelRefusedError: nothing will be answered.
    """
    for dialogue in study.each(chosen, "asking"):
        try:
            await judging.judge_dialogue(dialogue)
        except ModelRefusedError:
            raise
        except ModelAvoidedError:
            judging.tally.stopped = True
            break
        except FoldError:
            judging.tally.failed += 1
