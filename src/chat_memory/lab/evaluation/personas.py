"""The suite personas: what a reader noted of a user, and how much of it a memory has."""

from chat_memory.lab.evaluation.checks import Checks
from chat_memory.lab.evaluation.evidence import Score, list_lines, read_sentences
from chat_memory.lab.evaluation.finding import Finding, Share
from chat_memory.lab.evaluation.loaders import personas
from chat_memory.lab.evaluation.loaders.personas import PersonaChat
from chat_memory.lab.evaluation.study import CALLER, Study
from chat_memory.tools.get_memory import read_memory
from chat_memory.tools.summarize import summarize
from chat_memory.tools.toolbox import Toolbox
from chat_memory.tools.update_memory import update_memory

SET = "msc"
EXCHANGE = 2
"""Messages of one fold: what the user says, and the answer."""
ALL_TOKENS = 100_000
"""Room for a whole memory: here nothing may be left out."""


async def measure(study: Study) -> Finding:
    """Write every session, and look for each note in the memory: in all of it, and in the confirmed facts alone.

    Raises:
        BrokenSetError: a file of the set cannot be read.
    """
    folder = study.find(SET)
    if folder is None:
        study.report(f"there is no folder {SET}, so nothing is measured", 0, 0)
        return Finding({})
    chats = study.choose(personas.read(folder), lambda chat: chat.pair)
    samples: dict[str, dict[str, Share]] = {"recall": {}, "confirmed_recall": {}}
    checks = Checks()
    async with study.open_box() as box:
        for chat in study.each(chats, SET):
            await write_chat(box, chat)
            await checks.look(box, chat.id)
            for figure, share in (await score_chat(box, chat)).items():
                samples[figure][chat.id] = share
    return Finding({SET: len(chats)}, samples, checks=checks)


async def write_chat(box: Toolbox, chat: PersonaChat) -> None:
    """Say a session, folded exchange by exchange."""
    for start in range(0, len(chat.messages), EXCHANGE):
        await update_memory(box, CALLER, chat.id, list(chat.messages[start : start + EXCHANGE]))
        await summarize(box, CALLER, chat.id)


async def score_chat(box: Toolbox, chat: PersonaChat) -> dict[str, Share]:
    """Compare notes with the memory, as evidence is compared with a reply."""
    memory = await read_memory(box, CALLER, chat.id, ALL_TOKENS)
    confirmed = memory.model_copy(update={"llm_inferred": {}, "general_summary": ""})
    notes = [read_sentences(line) for line in chat.lines.values()]
    return {
        "recall": Score.of(notes, list_lines(memory)).words,
        "confirmed_recall": Score.of(notes, list_lines(confirmed)).words,
    }
