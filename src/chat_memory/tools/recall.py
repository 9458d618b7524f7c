"""Recall: of the turns that answer a query, as much as there is room for, in few words and in their order."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from chat_memory.prompts.compression import compress
from chat_memory.prompts.sentences import parse_lines, split_sentences, strip_code
from chat_memory.prompts.tokens import count_tokens, fit_words
from chat_memory.replies import Recalled
from chat_memory.storage.snapshots import CutTurn
from chat_memory.tools.ranking import Query, score_turns, weigh_terms

TURN_SHARE = 0.5
"""Share of the room one turn may take: of a longer one its best sentences are shown."""
LEAST_TOKENS = 40
"""Room too small for a turn that says something, label included."""
MOST_TURNS = 300
"""Most turns that are tried for the room; hardly one behind them answers."""


@dataclass(frozen=True, slots=True)
class Recollection:
    """What a query found: the turns that answer it, best first, and how much each of its terms tells."""

    query: Query
    weights: Mapping[str, float]
    found: Sequence[CutTurn]

    @classmethod
    def of(cls, query: str, turns: Sequence[CutTurn]) -> Self | None:
        """Search turns, given in order; None when the query asks for nothing, or nothing of it was said."""
        wanted = Query.of(query)
        counts = [wanted.count(turn.content) for turn in turns]
        weights = weigh_terms(counts)
        scores = score_turns(turns, counts, weights)
        best = sorted((-score, -turn.seq, place) for place, (score, turn) in enumerate(zip(scores, turns, strict=True)))
        found = [turns[place] for score, _, place in best[:MOST_TURNS] if score < 0]
        return cls(wanted, weights, found) if found else None

    def pack(self, room: int, shown: Mapping[int, int]) -> tuple[Recalled, ...]:
        """Take turns into `room` tokens, best first, and give them in order.

        `shown` says by seq how many characters of a turn the reader is shown elsewhere: only what follows is taken.
        """
        packed: list[Recalled] = []
        most = int(room * TURN_SHARE)
        for turn in self.found:
            if room < LEAST_TOKENS:
                break
            recalled = self._shorten(turn, shown.get(turn.seq, 0), min(most, room))
            cost = count_recalled(recalled) if recalled else room + 1
            if recalled and cost <= room:
                packed.append(recalled)
                room -= cost
        return tuple(sorted(packed, key=lambda turn: turn.seq))

    def _shorten(self, turn: CutTurn, begins: int, room: int) -> Recalled | None:
        """Say what a turn says from a character on, within about `room` tokens; None when that is nothing."""
        content = turn.content[begins:]
        sentences = [compress(sentence) for sentence in split_sentences(content) or [" ".join(content.split())]]
        chosen = self._choose(sentences, room)
        if not chosen:
            return None
        whole = chosen == sentences and len(content) == turn.characters and strip_code(content) == content
        return Recalled(
            seq=turn.seq,
            role=turn.role,
            text=" ".join(chosen),
            attested=False if turn.role == "user" and not turn.attested else None,
            cut_from=None if whole else turn.characters,
        )

    def _choose(self, sentences: Sequence[str], room: int) -> list[str]:
        """Choose sentences that fit, in order: all, or those that tell most about the query for their length."""
        room -= LABEL_TOKENS
        if count_tokens(" ".join(sentences)) <= room:
            return [sentence for sentence in sentences if sentence]
        costs = [count_tokens(f" {sentence}") for sentence in sentences]
        chosen: set[int] = set()
        for place in sorted(
            range(len(sentences)), key=lambda place: (-self._weigh(sentences[place], costs[place]), place)
        ):
            if costs[place] <= room:
                chosen.add(place)
                room -= costs[place]
            elif not chosen:
                return [cut] if (cut := fit_words(sentences[place], room)) else []
        return [sentences[place] for place in sorted(chosen)]

    def _weigh(self, sentence: str, cost: int) -> float:
        return sum(self.weights[term] for term in sorted(self.query.count(sentence))) / (cost + 4)


def drop_repeated(summary: str, recalled: Iterable[Recalled]) -> str:
    """Leave out the lines of a summary that recall shows already, with their turn."""
    told = {turn.seq: turn.text for turn in recalled}
    return "\n".join(str(line) for line in parse_lines(summary) if line.text not in told.get(line.seq, ""))


def count_recalled(recalled: Recalled) -> int:
    """Count the tokens of a turn in a reply, with the comma after it."""
    return count_tokens(recalled.model_dump_json(exclude_none=True)) + 1


LABEL_TOKENS = count_recalled(Recalled(seq=100_000, role="assistant", text="", cut_from=100_000))
"""What stands around the words of a turn, at most."""
