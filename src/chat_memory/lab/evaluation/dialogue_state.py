"""The suite dialogue_state: what task dialogues leave in `user_confirmed`, against what their labels say is wanted."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TypeAlias

from chat_memory.lab.evaluation.checks import Checks
from chat_memory.lab.evaluation.finding import Finding, Share
from chat_memory.lab.evaluation.labelled import Labelled, Saying
from chat_memory.lab.evaluation.loaders import multiwoz, sgd
from chat_memory.lab.evaluation.scoring import Entry, Score, score
from chat_memory.lab.evaluation.study import CALLER, Study
from chat_memory.lab.latencies import Latencies
from chat_memory.models import Message
from chat_memory.replies import Evidence
from chat_memory.tools.get_memory import read_memory
from chat_memory.tools.summarize import summarize
from chat_memory.tools.toolbox import Toolbox
from chat_memory.tools.update_memory import update_memory

EXCHANGE = 2
"""Messages of one fold: what the user says, and the answer."""
ALL_TOKENS = 100_000
"""Room for a whole memory with its evidence: here nothing may be left out."""
Samples: TypeAlias = dict[str, dict[str, Share]]


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """A set of labelled dialogues: the name its figures have, its folder, how it is read and which part of it."""

    name: str
    folder: str
    read: Callable[[Path, str], Sequence[Labelled]]
    split: str


SETS = (LabelledSet("sgd", "sgd", sgd.read, "dev"), LabelledSet("multiwoz", "multiwoz21", multiwoz.read, "val"))
TEST_SETS = (
    LabelledSet("sgd_test", "sgd", sgd.read, "test"),
    LabelledSet("multiwoz_test", "multiwoz21", multiwoz.read, "test"),
)
"""Measured where their files were put beside the others."""


async def measure(study: Study) -> Finding:
    """Let every dialogue be appended, folded exchange by exchange, read back, and compared with its labels.

    Raises:
        MissingSetError: a set is not there.
        BrokenSetError: a file of it cannot be read.
    """
    cases: dict[str, int] = {}
    samples: Samples = {}
    checks, folds = Checks(), Latencies()
    async with study.open_box() as box:
        for of_set in (*SETS, *_test_sets(study)):
            dialogues = of_set.read(study.folder(of_set.folder), of_set.split)
            chosen = study.choose(dialogues, lambda dialogue: dialogue.id)
            cases[of_set.name] = len(chosen)
            for dialogue in study.each(chosen, of_set.name):
                chat_id = f"{of_set.name} {dialogue.id}"
                entries = await _remember(box, chat_id, dialogue.sayings, folds)
                await checks.look(box, chat_id)
                _sample(samples, of_set.name, dialogue.id, score(dialogue, entries))
    return Finding(cases, samples, checks=checks, folds=folds)


def _test_sets(study: Study) -> Iterator[LabelledSet]:
    for of_set in TEST_SETS:
        folder = study.find(of_set.folder)
        if folder is not None and any(folder.glob(f"{of_set.split}*")):
            yield of_set


async def _remember(box: Toolbox, chat_id: str, sayings: Sequence[Saying], folds: Latencies) -> list[Entry]:
    """Say a dialogue to the product, an exchange at a time, and return what it holds as confirmed at the end."""
    for start in range(0, len(sayings), EXCHANGE):
        messages = [Message(role=saying.role, content=saying.text) for saying in sayings[start : start + EXCHANGE]]
        await update_memory(box, CALLER, chat_id, messages)
        before = perf_counter()
        await summarize(box, CALLER, chat_id)
        if len(messages) == EXCHANGE:
            folds.add(perf_counter() - before)
    memory = await read_memory(box, CALLER, chat_id, ALL_TOKENS, "evidence")
    return [Entry(fact.value, fact.seq) for fact in memory.user_confirmed.values() if isinstance(fact, Evidence)]


def _sample(samples: Samples, of_set: str, case: str, scored: Score) -> None:
    for name, share in _shares(scored).items():
        samples.setdefault(f"{of_set}.{name}", {})[case] = share


def _shares(scored: Score) -> Mapping[str, Share]:
    """Name what a dialogue adds to each figure; a false confirmation of any kind counts once, and under its kind."""
    return {
        "recall": Share(scored.found, scored.gold),
        "precision": Share(scored.right, scored.entries),
        "false_confirmation": Share(sum(scored.falsehoods.values()), scored.entries),
        **{f"false_{kind}": Share(count, scored.entries) for kind, count in scored.falsehoods.items()},
        "stale": Share(scored.stale, scored.replaced),
        "stale_restated": Share(scored.stale_restated, scored.restated),
    }
