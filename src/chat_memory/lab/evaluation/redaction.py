"""The suite redaction: texts with marked personal data are written, and what history gives back is compared."""

import re
from collections.abc import Mapping, Sequence

from chat_memory.lab.evaluation.finding import Finding, Share
from chat_memory.lab.evaluation.loaders import personal_texts
from chat_memory.lab.evaluation.loaders.personal_texts import KINDS, PersonalText
from chat_memory.lab.evaluation.study import CALLER, Study
from chat_memory.models import Message
from chat_memory.tools.get_history import get_history
from chat_memory.tools.placeholders import PLACEHOLDER
from chat_memory.tools.update_memory import update_memory


async def measure(study: Study) -> Finding:
    """Write every text to a chat of its own with the strict setting, read it back and see what gave way.

    Raises:
        MissingSetError: the set is not there.
        BrokenSetError: a file of it cannot be read.
    """
    texts = study.choose(personal_texts.read(study.folder("pii")), lambda text: text.id)
    figures = (*(f"{kind}.recall" for kind in KINDS.values()), "false_hit_share")
    samples = {figure: dict[str, Share]() for figure in figures}
    async with study.open_box(redact="pii") as box:
        for text in study.each(texts, "pii"):
            await update_memory(box, CALLER, text.id, [Message(role="user", content=text.text)])
            (turn,) = (await get_history(box, CALLER, text.id)).turns
            for figure, share in compare(text, find_replaced(text.text, turn.content)).items():
                samples[figure][text.id] = share
    return Finding({"pii": len(texts)}, samples)


def compare(text: PersonalText, replaced: Sequence[range]) -> Mapping[str, Share]:
    """Score a text: of its marks those that gave way whole, and whether anything else did."""
    shares: dict[str, Share] = {}
    for kind in {mark.kind for mark in text.marks}:
        found = [
            any(mark.start in stretch and mark.end - 1 in stretch for stretch in replaced)
            for mark in text.marks
            if mark.kind == kind
        ]
        shares[f"{kind}.recall"] = Share(sum(found), len(found))
    false = [
        stretch
        for stretch in replaced
        if not any(mark.start < stretch.stop and stretch.start < mark.end for mark in text.marks)
    ]
    return shares | {"false_hit_share": Share(bool(false))}


def find_replaced(text: str, stored: str) -> list[range]:
    """Find the stretches of a text that placeholders stand for in what was stored; nothing else may have changed.

    Raises:
        ValueError: something else has.
    """
    kept = PLACEHOLDER.split(stored)
    match = re.fullmatch("(.+?)".join(re.escape(piece) for piece in kept), text, re.DOTALL)
    if match is None:
        raise ValueError("the text was not only redacted")
    return [range(*match.span(group)) for group in range(1, len(kept))]
