"""What a sentence says outright: first-person patterns and typed spans, as keys and values to be proven.

Nothing here decides: the gate's own proof is asked for each one, with the clause around it as the quote.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from chat_memory.prompts.spans import Span, SpanType, bound_start, find_spans, is_range, weekday_of
from chat_memory.prompts.wishes import find_wishes
from chat_memory.prompts.words import content_words, lexicon


@dataclass(frozen=True, slots=True)
class Statement:
    """A key and value, and where in its sentence the words stand that say so."""

    key: str
    value: str
    start: int
    end: int
    kind: SpanType | None = None


_DOT = r"(?<=\b[a-z])\.[a-z]\b\.?|(?:(?<=\bst)|(?<=\bdr)|(?<=\bmr)|(?<=\bms)|(?<=\bmrs))\.\s(?=\w)"
"""A dot inside a value: `D.C.`, `12 Baker St. London`."""
_REST = (
    r"(?P<value>[^,;:.!?()\"\n]{1,80}(?:(?:(?:[.,:]|, (?=\d{4}\b))\d|"
    rf"{_DOT}"
    r")[^,;:.!?()\"\n]{0,40}){0,4})"
)
_I_AM = r"\b(?:i am|i[’']m|im)"  # noqa: RUF001
_TOPIC = r"(?P<topic>[a-z][a-z'-]{1,20}(?: [a-z][a-z'-]{1,20}){0,2}?)"
_PLACE = r"(?P<value>[A-Z][\w'-]{1,30}(?:,? [A-Z][\w'-]{1,30}){0,3})"
_NAME = r"(?P<value>[A-Z][\w'-]{1,30}(?: [A-Z][\w'-]{1,30}){0,2})"


def _said(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_NAMED = (
    re.compile(rf"\b(?:[Mm]y name is|[Mm]y name's|[Cc]all me|[Pp]eople call me) {_NAME}"),
    re.compile(rf"\b(?:I am|I[’']m) called {_NAME}"),  # noqa: RUF001
    re.compile(r"\b[Mm]y name is (?P<value>[a-z]{2,20})(?=[.,!;]|$| and\b)"),
)
_FIXED: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("home", _said(rf"\bi (?:currently |now )?live in {_REST}")),
    ("home", re.compile(rf"\b(?:I|we)(?: have|'ve)?(?: just| recently)? moved to {_PLACE}")),
    ("employer", _said(rf"\bi (?:currently |now )?work (?:at|for) {_REST}")),
    ("job", _said(rf"\bi (?:currently |now )?work as (?:an? )?{_REST}")),
    ("diet", _said(rf"{_I_AM} (?:an? )?(?P<value>vegan|vegetarian|pescatarian|lactose intolerant|gluten[- ]free)\b")),
    ("age", _said(rf"{_I_AM} (?P<value>\d{{1,3}}) years old")),
)
_BY_HEAD: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("prefers", _said(rf"\b(?:i|we) (?:really |always |usually |generally |now )?prefer {_REST}")),
    ("allergy", _said(rf"{_I_AM} (?:also |severely |really )?allergic to {_REST}")),
)
_TOPICAL = (
    _said(rf"\b(?:my|our) {_TOPIC} (?:is|are) (?:now |actually |still )?(?:called |named )?{_REST}"),
    _said(
        rf"\b(?:my|our|the) {_TOPIC} (?:has |have |is |was |got )?(?:now |just |been ){{0,2}}"
        rf"(?:changed|moved|switched|updated|increased|raised|reduced|lowered|pushed(?: back)?) to {_REST}"
    ),
    _said(
        rf"\bthe (?:new |final )?(?P<topic>budget|deadline|due date|total|limit|price) is (?:now |actually )?{_REST}"
    ),
)
_LASTING_TOPICS = lexicon(
    "name budget deadline date birthday email address phone number city hometown age job role title company employer"
    " team manager boss goal diet allergy timezone language color colour preference wife husband partner son daughter"
    " dog cat brother sister mother father nickname pronouns limit price salary rent total favorite favourite"
)
_HOLLOW_TOPICS = lexicon(
    "question point guess problem issue concern worry understanding assumption idea thought opinion hope fear bet"
    " impression answer only main last next"
)
_GOES_ON = re.compile(
    r"\s(?:and|but|so|because|which|who|since|with)\s(?=(?:i|i[’'][a-z]+|my|we|our|it|that|the|is|was|not|please|can)\b)",  # noqa: RUF001
    re.IGNORECASE,
)
"""Where a value ends because another clause begins."""
_TRAILS_OFF = re.compile(r"\s(?:now|right now|at the moment|these days|actually|instead|please)\Z", re.IGNORECASE)
_POINTING = re.compile(r"\s*(?:it|this|that|them|those|these|there|here|what|when|where|how)\b", re.IGNORECASE)
_UNDONE = re.compile(
    r"\b(?:declin\w+|reject\w*|cancel\w*|miss(?:ed|ing)|skip\w*|avoid\w*|refus\w+|turned down|used to|originally"
    r"|previously|formerly|former|(?<!years )old)\b",
    re.IGNORECASE,
)
"""A sentence with one of these may say what no longer holds: it is left to the summary."""
_VALUE_WORDS = 12
"""Longest value of a pattern, content words."""
_NOUN_BEFORE = re.compile(
    r"(?P<noun>[a-z]{3,20}) (?:of|is|are|was|(?:is |are )?(?:at|by|for|on|from|until|to|in|around|before|after))"
    r"(?: (?:about|around|the|next|this|only|exactly))?\s$",
    re.IGNORECASE,
)
_NOUN_AFTER = re.compile(r"\s(?:total\s)?(budget|deposit|limit|rent|salary|fee|discount|loan|deal)\b", re.IGNORECASE)
_WEAK_NOUNS = lexicon(
    "the and for you that this with from have has want need would like can could will get make it's there here them"
    " they out not but are was one some any about just please maybe than then what when where how let know looking"
    " going monday tuesday wednesday thursday friday saturday sunday people sometime"
    " january february march april june july august september october november december tomorrow today tonight meant"
    " yeah yes okay sure thanks please find search also sorry actually instead it'll i'll been around morning evening"
    " afternoon night date time month week three four five six seven eight nine ten two too more until till after"
    " before change again only per day days its it is are will did does how who why him her his she their try now new"
    " off all way say see day got use put let may might should must each very our mine your those these"
)
_OWN_NOUNS: dict[SpanType, frozenset[str]] = {
    "date": lexicon("deadline birthday anniversary"),
    "money": lexicon("budget salary rent price limit total income fee deposit discount loan"),
}
_HEAD = re.compile(r"(?<![\w@.:/'-])[a-z]{3,20}(?![\w@.:/'-])")
_COUNT_CUE = re.compile(
    r"\b(?:need(?:ing)?|want|like|book|reserve|order|buy|get|find|have|stay|staying|for|bring|invite|inviting|with|be|are)"
    r"\s(?:me |us |about |exactly |only |just |a total of )?$"
    r"|^(?:(?:no|yes|yeah|ok|okay|actually|sorry|nope),? )?(?:just |only )?(?:the )?$"
    r"|\b(?:just|only) (?:the )?$",
    re.IGNORECASE,
)
"""Before a count these say it is the user's own: `I need two tickets`; counts of the world are not kept."""
_TYPED: frozenset[SpanType] = frozenset({"email", "url", "phone", "money", "date", "time", "count"})
_OWN_CONTACT = re.compile(r"\b(?:my|our|me|us)\b", re.IGNORECASE)
"""With one of these an address is the user's own; else its key tells what to do with it: `write email`."""
_ENDS = lexicon("until till from since")
"""Before a date or time these tell what it is: where something begins or ends."""
_PERSONS = lexicon("person persons adult adults")
_VAGUE_COUNTS = lexicon(
    "things ways times options questions steps minutes hours seconds points items examples ideas reasons words lines"
    " years months weeks percents tips parts sections goes gives makes takes looks seems works comes means does has was"
)
NO_HEADS = _WEAK_NOUNS | _VAGUE_COUNTS
"""Words that do not tell what a span is for."""
_HEAD_CHARS = 160
"""How far from a span the word that tells what it is for is looked for: a sentence of mere dates stays linear."""


def find_statements(sentence: str, *, brief: bool = True) -> list[Statement]:
    """Find what a sentence states: patterns first, then the typed spans no pattern has taken, then what it wishes for.

    The last only of a `brief` turn, where a name is what the turn is about.
    """
    if _UNDONE.search(sentence):
        return []
    spans = _single_spans(sentence)
    found = [
        _with_whole_spans(sentence, statement, spans)
        for statement in (*_find_named(sentence), *_find_patterns(sentence))
    ]
    taken = [range(statement.start, statement.end) for statement in found]
    for span in spans:
        if not any(span.start in stretch for stretch in taken):
            found.extend(_typed(sentence, span))
    return [*found, *_wished(sentence, found)] if brief else found


def _wished(sentence: str, found: Sequence[Statement]) -> Iterator[Statement]:
    """Find what a wish names, but for what stands in a value already found."""
    held = [range(each.end - len(each.value), each.end) for each in found]
    for key, value, start, end in find_wishes(sentence):
        if not any(start in stretch or end - 1 in stretch for stretch in held):
            held.append(range(start, end))
            yield Statement(key, value, start, end)


def _with_whole_spans(sentence: str, statement: Statement, spans: Sequence[Span]) -> Statement:
    """Let a value that ends inside an address run to its end: a pattern stops at the first dot."""
    start = statement.end - len(statement.value)
    ends = (span.end for span in spans if start <= span.start < statement.end and span.kind in {"email", "url"})
    end = max(statement.end, *ends, 0)
    return replace(statement, value=sentence[start:end], end=end)


def _single_spans(sentence: str) -> list[Span]:
    """Find the typed spans that are no end of a range, and no weekday of the date beside it."""
    spans = find_spans(sentence)
    ends = {span for one, other in pairwise(spans) if is_range(sentence, one, other) for span in (one, other)}
    weekdays = {weekday_of(sentence, one, other) for one, other in pairwise(spans)}
    return [span for span in spans if span.kind in _TYPED and span not in ends | weekdays]


def _find_named(sentence: str) -> Iterator[Statement]:
    for pattern in _NAMED:
        for match in pattern.finditer(sentence):
            if not find_spans(match["value"]):
                yield _statement("name", match)
                return


def _find_patterns(sentence: str) -> Iterator[Statement]:
    for key, pattern in _FIXED:
        yield from (_statement(key, match) for match in pattern.finditer(sentence) if _is_short(match["value"]))
    for verb, pattern in _BY_HEAD:
        for match in pattern.finditer(sentence):
            if _is_short(match["value"]):
                yield _statement(f"{verb} {' '.join(content_words(match['value'])[:2])}", match)
    for pattern in _TOPICAL:
        for match in pattern.finditer(sentence):
            if _is_topic(match["topic"]) and _is_short(match["value"]) and _is_lasting(match["topic"], match["value"]):
                yield _statement(match["topic"].lower(), match)


def _statement(key: str, match: re.Match[str]) -> Statement:
    value = _TRAILS_OFF.sub("", _GOES_ON.split(match["value"], maxsplit=1)[0].strip())
    return Statement(key, value, match.start(), match.start("value") + len(value))


def _is_short(value: str) -> bool:
    return 0 < len(content_words(value)) <= _VALUE_WORDS and not _POINTING.match(value)


def _is_topic(topic: str) -> bool:
    words = topic.lower().split()
    return words != ["name"] and words[0] not in _HOLLOW_TOPICS and words[-1] not in _HOLLOW_TOPICS


def _is_lasting(topic: str, value: str) -> bool:
    """Tell whether `my X is Y` will hold for a while: a lasting X, or a Y that is a name or a typed span."""
    if not _LASTING_TOPICS.isdisjoint(topic.lower().split()):
        return True
    spans = find_spans(value)
    return value.strip()[:1].isupper() or (len(spans) == 1 and spans[0].start == 0 and spans[0].kind in _TYPED)


def _typed(sentence: str, span: Span) -> Iterator[Statement]:
    key = _label(sentence, span)
    if key:
        start = bound_start(sentence, span)
        yield Statement(key, sentence[start : span.end], start, span.end, span.kind)


def _label(sentence: str, span: Span) -> str:
    """Name a typed span by the noun it belongs to (`deadline`, `arrive time`), else by its type; "" when too vague."""
    if span.kind == "count":
        noun = span.text.split()[-1].lower()
        own = _COUNT_CUE.search(sentence, max(span.start - 40, 0), span.start)
        others = own is None or sentence.startswith(" for you", span.end)
        return "" if noun in _VAGUE_COUNTS or others else "people" if noun in _PERSONS else noun
    if span.kind in {"email", "phone"}:
        told = "" if _OWN_CONTACT.search(sentence) else _head(sentence[: span.end].lower(), span)
        return f"{told} {span.kind}".strip()
    bound = sentence[bound_start(sentence, span) : span.start].strip().lower()
    if bound in _ENDS:
        return f"{bound} {span.kind}"
    after = _NOUN_AFTER.match(sentence, span.end) if span.kind == "money" else None
    if after is not None:
        return after[1].lower()
    before = _NOUN_BEFORE.search(sentence, max(span.start - 60, 0), span.start)
    if before is None or before["noun"][0].isupper() or before["noun"].lower() in _WEAK_NOUNS:
        return f"{_head(sentence, span)} {span.kind}".strip()
    noun = before["noun"].lower()
    return noun if noun in _OWN_NOUNS.get(span.kind, ()) else f"{noun} {span.kind}"


def _head(sentence: str, span: Span) -> str:
    """Find the word nearest to a span that tells what it is for: a bare type would replace another of its type."""
    around = max(span.start - _HEAD_CHARS, 0), span.end + _HEAD_CHARS
    found = [match for match in _HEAD.finditer(sentence, *around) if match.group() not in NO_HEADS]
    outside = [match for match in found if match.end() <= span.start or match.start() >= span.end]
    nearest = min(outside, key=lambda match: max(span.start - match.end(), match.start() - span.end), default=None)
    return nearest.group().lower() if nearest is not None else ""
