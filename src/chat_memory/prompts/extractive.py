"""The summarizer that needs no model, key or network: coverage for the summary, proven statements for the facts."""

from collections.abc import Iterable, Iterator
from functools import partial

from chat_memory.models import Delta, ProposedFact, Turn
from chat_memory.prompts.assumptions import find_assumptions
from chat_memory.prompts.compression import compress
from chat_memory.prompts.coverage import choose_lines
from chat_memory.prompts.pacing import run_paced
from chat_memory.prompts.sentences import Line, parse_lines, split_sentences, write_lines
from chat_memory.prompts.summaries import SUMMARY_SHARE
from chat_memory.prompts.summarizer import FoldRequest, Proposal
from chat_memory.prompts.testimony import find_testimony
from chat_memory.prompts.tokens import CAP_SHARE, count_facts, facts_room, fit_words

LINE_TOKENS = 120
"""Longest line of a summary, tokens; a longer sentence is cut at a word."""


class Extractive:
    """Folds without a model: same request, same answer, about a millisecond for two messages."""

    name = "extractive"
    model = ""
    echoes = ()
    remote = False

    async def fold(self, request: FoldRequest) -> Proposal:
        """Propose the lines that cover most, what the user stated outright, and what the assistant assumed."""
        characters = sum(len(turn.content) for turn in request.turns)
        return await run_paced(partial(self._propose, request), characters)

    def _propose(self, request: FoldRequest) -> Proposal:
        room = facts_room(request.memory_tokens)
        lines = parse_lines(request.memory.general_summary)
        confirmed = request.memory.user_confirmed
        stated = find_testimony(request.turns, confirmed, room)
        facts = [*stated, *find_assumptions(request.turns, [*confirmed, *stated], request.question)]
        return Proposal(Delta(facts=tuple(facts), summary=_summarize(request, lines, facts)))


def _summarize(request: FoldRequest, lines: Iterable[Line], proposed: Iterable[ProposedFact]) -> str | None:
    """Choose anew among the summary's lines and the new sentences, in all the room that facts leave.

    None when nothing was said.
    """
    cap = int(request.memory_tokens * CAP_SHARE)
    memory = request.memory
    facts = count_facts(memory.user_confirmed) + count_facts(memory.llm_inferred) + count_facts(proposed)
    room = min(int(cap * SUMMARY_SHARE), max(cap - facts, cap - facts_room(request.memory_tokens)))
    return write_lines(choose_lines([*lines, *_new_lines(request.turns)], room)) or None


def _new_lines(turns: Iterable[Turn]) -> Iterator[Line]:
    for turn in turns:
        for sentence in split_sentences(turn.content):
            yield Line(turn.seq, turn.role, fit_words(compress(sentence), LINE_TOKENS))
