"""Which sentences a summary keeps: greedy submodular coverage, with priors (measured in shared notes quality.md).

Each pick has the best gain = prior x sum(word weight x 0.8^times covered) / (tokens + 4), until the room is full.
"""

import heapq
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from chat_memory.prompts.sentences import Line
from chat_memory.prompts.tokens import count_tokens
from chat_memory.prompts.words import lexicon

NEWEST_SHARE = 0.25
"""Share of the room kept for the newest turns: this is short-term memory."""
NEWEST_TURNS = 6
"""How many turns, counted back from the last, are the newest."""

_REPEAT = 0.8
_LINE_TOKENS = 4
_PRIORS = {"user": 1.0, "note": 0.8, "assistant": 0.3, "tool": 0.3, "system": 0.3, "": 1.0}
_QUESTION, _FIRST_PERSON, _DURABLE, _STANDING, _SYMBOLS = 0.35, 1.25, 2.0, 2.0, 0.3
_WORD = re.compile(r"[^\W_]+(?:['’.,:-][^\W_]+)*")  # noqa: RUF001
_CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff]")
_FIRST = re.compile(r"\b(?:I|I'm|I've|I'd|I'll|we|my|our|me|us|we're|we've)\b", re.IGNORECASE)
_TELLS = re.compile(
    r"(?:(?:hmm|ok(?:ay)?|well|so|and|but|oh|also|since|given|considering|if|as)[, ]+(?:that )?){0,3}(?:I|we|my|our)\b",
    re.IGNORECASE,
)
"""A question that begins so states something first: `I moved to Rome, what do I need there?`"""
_ORDERS = re.compile(r"(?:please )?(?:always|never|from now on|remember|do not ever|don['’]t ever)\b", re.IGNORECASE)  # noqa: RUF001
"""How a standing instruction begins."""
_LASTING = re.compile(
    r"\b(?:always|never|prefer\w*|deadlines?|due|chang\w+|decid\w+|budget\w*|allerg\w+|must|favou?rite|remember|agreed?"
    r"|plan\w*|goals?|instead|actually|switch\w*|moved?|cancel\w*|confirm\w*|updated?|finali[sz]ed|called|named?)\b",
    re.IGNORECASE,
)
_TIME_WORDS = lexicon(
    "monday tuesday wednesday thursday friday saturday sunday january february march april may june july august"
    " september october november december today tomorrow yesterday tonight morning afternoon evening noon midnight"
    " week month year weekend day hour am pm"
)
FUNCTION_WORDS = lexicon(
    "a an the and or but so if then than that this these those there here it its it's is are was were be been being am"
    " i i'm i've i'd i'll me my mine we we're we've us our you you're your he she they them their his her of in on at"
    " to for with by from as into about over under out up down off do does did done have has had can could will would"
    " shall should may might just very really too also some any all more most much many such only own same other what"
    " which who when where why how yes no ok okay please thanks thank let's let get got like want need know think make"
    " sure help"
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A line that may stay, with what it weighs."""

    line: Line
    prior: float
    tokens: int
    weights: dict[str, float] = field(repr=False)

    def gain(self, covered: Counter[str]) -> float:
        """Say what the line adds to what is covered, for each token it costs."""
        worth = sum(weight * _REPEAT ** covered[word] for word, weight in self.weights.items())
        return self.prior * worth / (self.tokens + _LINE_TOKENS)


def choose_lines(lines: Sequence[Line], room: int) -> list[Line]:
    """Choose the lines that cover most within `room` tokens; same lines, same choice."""
    candidates = [_candidate(line) for line in dict.fromkeys(lines)]
    if sum(candidate.tokens for candidate in candidates) <= room:
        return [candidate.line for candidate in candidates if candidate.weights]
    last = max((line.seq for line in lines), default=0)
    newest = [index for index, candidate in enumerate(candidates) if candidate.line.seq > last - NEWEST_TURNS]
    covered: Counter[str] = Counter()
    chosen = _pick(candidates, newest, int(room * NEWEST_SHARE), covered)
    spent = sum(candidates[index].tokens for index in chosen)
    others = [index for index in range(len(candidates)) if index not in chosen]
    chosen |= _pick(candidates, others, room - spent, covered)
    return [candidates[index].line for index in sorted(chosen)]


def _pick(candidates: Sequence[Candidate], indexes: Sequence[int], room: int, covered: Counter[str]) -> set[int]:
    """Pick greedily, of equals the newest; gains only fall as words are covered, so the best re-weighed is the best."""
    queue = [(-candidates[index].gain(covered), -index) for index in indexes]
    heapq.heapify(queue)
    chosen: set[int] = set()
    while queue:
        index = -heapq.heappop(queue)[1]
        candidate = candidates[index]
        gain = candidate.gain(covered)
        if gain <= 0 or candidate.tokens > room:
            continue
        if queue and (-gain, -index) > queue[0]:
            heapq.heappush(queue, (-gain, -index))
            continue
        chosen.add(index)
        room -= candidate.tokens
        covered.update(candidate.weights.keys())
    return chosen


def _candidate(line: Line) -> Candidate:
    return Candidate(line, _prior(line), count_tokens(str(line)) + 1, _weigh_words(line.text))


def _prior(line: Line) -> float:
    prior = _PRIORS[line.role]
    if line.text.endswith(("?", "？")) and not _TELLS.match(line.text):  # noqa: RUF001
        prior *= _QUESTION
    if _ORDERS.match(line.text):
        prior *= _STANDING
    if _FIRST.search(line.text):
        prior *= _FIRST_PERSON
    if _LASTING.search(line.text):
        prior *= _DURABLE
    wordy = sum(sign.isalpha() or sign.isspace() for sign in line.text)
    return prior if wordy > 0.6 * len(line.text) else prior * _SYMBOLS


def _weigh_words(text: str) -> dict[str, float]:
    weights = {word.casefold(): _weigh_word(word, opens=place == 0) for place, word in enumerate(_WORD.findall(text))}
    weights.update((sign, 0.4) for sign in _CJK.findall(text))
    return {word: weight for word, weight in weights.items() if weight}


def _weigh_word(word: str, *, opens: bool) -> float:
    folded = word.casefold()
    if any(sign.isdigit() for sign in word):
        return 1.0
    if folded in FUNCTION_WORDS:
        return 0.0
    if folded in _TIME_WORDS:
        return 0.6
    if word[0].isupper() and not opens:
        return 1.15
    return min(0.45 + 0.05 * max(len(word) - 3, 0), 0.8)
