"""The suite long_chat: what of a question's evidence a reply shows, at four sizes, with the question and without.

The user's words of a chat go in two turns at a time, each time folded. Beside memory stand the last turns and random
ones, without code and cut to the same size, and `scratch`: a memory made in one fold of the whole chat.
"""

import random
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from chat_memory.lab.evaluation.checks import Checks
from chat_memory.lab.evaluation.evidence import Score, list_lines, read_sentences
from chat_memory.lab.evaluation.finding import Finding, Share
from chat_memory.lab.evaluation.loaders import beam, locomo, longmemeval, realtalk
from chat_memory.lab.evaluation.loaders.chats import LongChat, Question
from chat_memory.lab.evaluation.study import CALLER, Study
from chat_memory.models import CALL_MESSAGES, Message
from chat_memory.prompts.sentences import strip_code
from chat_memory.prompts.tokens import CAP_SHARE, count_tokens, fit_words
from chat_memory.tools.get_memory import read_memory
from chat_memory.tools.summarize import summarize
from chat_memory.tools.toolbox import Toolbox
from chat_memory.tools.update_memory import update_memory

BUDGETS = (512, 1024, 2048, 4096)
"""Sizes of a reply, tokens; the memory behind may fill it, so its cap, of which a share is used, is higher by that."""
FOLDED_TURNS = 2
"""Turns written before each fold."""
AGES = ("oldest", "middle", "newest")
"""Thirds of a chat, by the place of what answers."""
Lines = list[frozenset[str]]


@dataclass(frozen=True, slots=True)
class ChatSet:
    """A set of long chats: its folder, the part its name has in keys, and how it is read."""

    name: str
    folder: str
    prefix: str
    read: Callable[[Path], Sequence[LongChat]]


BEAM = ChatSet("beam", "beam_100k", "", beam.read)
OTHERS = (
    ChatSet("locomo", "locomo", "locomo.", locomo.read),
    ChatSet("realtalk", "realtalk", "realtalk.", realtalk.read),
    ChatSet("longmemeval", "longmemeval", "longmemeval.", longmemeval.read),
)
"""Measured where their folders are."""


@dataclass(frozen=True, slots=True)
class UserChat:
    """What the user says in a chat, and the questions that his words answer, with the places of those from 0."""

    id: str
    turns: tuple[str, ...]
    questions: tuple[Question, ...]

    def find_evidence(self, question: Question) -> dict[int, Lines]:
        """Give the sentences of the turns that answer, by place."""
        return {place: read_sentences(self.turns[place]) for place in question.evidence}


def keep_user(chat: LongChat) -> UserChat:
    """Keep what the user said; questions nothing of it answers are left out."""
    kept = [place for place, message in enumerate(chat.messages) if message.role == "user"]
    numbers = {place: number for number, place in enumerate(kept)}
    questions = [
        replace(question, evidence=places)
        for question in chat.questions
        if (places := tuple(numbers[place] for place in question.evidence if place in numbers))
    ]
    return UserChat(chat.id, tuple(chat.messages[place].content for place in kept), tuple(questions))


async def measure(study: Study) -> Finding:
    """Write every chat, ask every question, and score what comes back.

    Raises:
        MissingSetError: BEAM is not there.
        BrokenSetError: a file of a set cannot be read.
    """
    cases: dict[str, int] = {}
    tally = Tally({})
    checks = Checks()
    for of_set in (BEAM, *(other for other in OTHERS if study.find(other.folder))):
        chats = study.choose(of_set.read(study.folder(of_set.folder)), lambda chat: chat.id)
        users = [keep_user(chat) for chat in chats]
        cases[of_set.name] = sum(len(chat.questions) for chat in users)
        for budget in BUDGETS:
            async with study.open_box(memory_tokens=int(budget / CAP_SHARE)) as box:
                for chat in study.each(users, f"{of_set.name}, {budget} tokens"):
                    await write_chat(box, chat)
                    for way, ask in list_ways(box, chat, budget).items():
                        for question in chat.questions:
                            tally.add(f"{of_set.prefix}{way}.tokens_{budget}", chat, question, await ask(question))
                    await checks.look(box, chat.id)
    return Finding(cases, tally.samples, checks=checks)


@dataclass(frozen=True, slots=True)
class Tally:
    """What each question adds to each figure."""

    samples: dict[str, dict[str, Share]]

    def add(self, figure: str, chat: UserChat, question: Question, lines: Sequence[frozenset[str]]) -> None:
        """Score one question: words, whole sentences, and words by the age of what answers."""
        evidence = chat.find_evidence(question)
        score = Score.of(evidence.values(), lines)
        self._put(f"{figure}.recall", question.id, score.recall)
        self._put(f"{figure}.whole_sentences", question.id, score.sentences)
        for place, sentences in evidence.items():
            age = AGES[place * len(AGES) // len(chat.turns)]
            self._put(f"{figure}.{age}", f"{question.id}/{place}", Score.of([sentences], lines).words)

    def _put(self, figure: str, case: str, share: Share) -> None:
        self.samples.setdefault(figure, {})[case] = share


async def write_chat(box: Toolbox, chat: UserChat) -> None:
    """Say a chat twice: folded as it goes, and in a chat of its own folded once at the end."""
    said = [Message(role="user", content=turn) for turn in chat.turns]
    for start in range(0, len(said), FOLDED_TURNS):
        await update_memory(box, CALLER, chat.id, said[start : start + FOLDED_TURNS])
        await summarize(box, CALLER, chat.id)
    for start in range(0, len(said), CALL_MESSAGES):
        await update_memory(box, CALLER, name_scratch(chat), said[start : start + CALL_MESSAGES])
    await summarize(box, CALLER, name_scratch(chat))


def name_scratch(chat: UserChat) -> str:
    """Name the chat that is folded once."""
    return f"{chat.id} from scratch"


def list_ways(box: Toolbox, chat: UserChat, budget: int) -> Mapping[str, Callable[[Question], Awaitable[Lines]]]:
    """List the ways to answer within `budget` tokens: memory with the question and without, and those beside it."""

    async def read(question: Question, *, chat_id: str, asks: bool) -> Lines:
        reply = await read_memory(box, CALLER, chat_id, budget, query=question.text if asks else "")
        return list_lines(reply)

    async def take_last(_: Question) -> Lines:
        return fit_turns(reversed(chat.turns), budget)

    async def take_random(question: Question) -> Lines:
        shuffled = random.Random(question.id).sample(chat.turns, len(chat.turns))  # noqa: S311 - a sample, not a secret
        return fit_turns(iter(shuffled), budget)

    return {
        "plain": partial(read, chat_id=chat.id, asks=False),
        "query": partial(read, chat_id=chat.id, asks=True),
        "scratch": partial(read, chat_id=name_scratch(chat), asks=False),
        "last_n": take_last,
        "random": take_random,
    }


def fit_turns(turns: Iterator[str], budget: int) -> Lines:
    """Take whole turns without their code while they fit, and what fits of the next one; as lines."""
    lines: Lines = []
    for turn in turns:
        text = strip_code(turn).strip()
        lines += read_sentences(fit_words(text, budget))
        budget -= count_tokens(text)
        if budget <= 0:
            break
    return lines
