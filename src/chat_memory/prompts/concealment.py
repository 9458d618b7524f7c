"""Characters that show nothing: some can spell a text that only a model reads, some turn a text around."""

import re
from typing import cast

_TAGS = "(?<!\U0001f3f4)(?<![\U000e0030-\U000e007a])[\U000e0000-\U000e007f]+"
"""Tags mirror ASCII, unseen; behind a black flag they name its country."""
_SELECTORS = "(?<![\ufe00-\ufe0f\U000e0100-\U000e01ef])[\ufe00-\ufe0f\U000e0100-\U000e01ef]{2,}"
"""One selector chooses how a sign looks; in a row they carry bytes."""
_OVERRIDES = "[\u202d\u202e\ufff9-\ufffb\u2061-\u2064]+"

CONCEALED = re.compile(f"{_TAGS}|{_SELECTORS}|{_OVERRIDES}|[\u200b-\u200d\u2060\ufeff]{{4,}}")
"""What no writer types: a text that holds it was made to be read otherwise than it looks."""
_UNSEEN = re.compile(f"{CONCEALED.pattern}|[\u202a-\u202c\u2066-\u2069\u2028\u2029\x7f-\x9f]+")
"""The same, and what right-to-left text may hold: shown where a model reads."""


def reveal(text: str) -> str:
    r"""Write what shows nothing as JSON writes it: `\u202e`, so that a reader sees it, and JSON stays the same data."""
    if text.isascii() and "\x7f" not in text:
        return text
    return _UNSEEN.sub(lambda found: "".join(map(_escape, found[0])), text)


def reveal_data(data: object) -> object:
    """Show in every text of some data what shows nothing; a chat id stays what it is, since it is called by."""
    if isinstance(data, str):
        return reveal(data)
    if isinstance(data, list):
        return [reveal_data(item) for item in cast("list[object]", data)]
    if isinstance(data, dict):
        items = cast("dict[str, object]", data).items()
        return {reveal(key): value if key == "chat_id" else reveal_data(value) for key, value in items}
    return data


def _escape(sign: str) -> str:
    raw = sign.encode("utf-16-be")
    return "".join(f"\\u{raw[at : at + 2].hex()}" for at in range(0, len(raw), 2))
