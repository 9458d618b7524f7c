"""Secrets by their shape: the keys of providers, bearer tokens, private keys, passwords in URLs.

Every pattern takes linear time: runs begin at their first character only, or their length is bounded.
"""

import re
from collections.abc import Iterator

from chat_memory.tools.given_secrets import NAME_ANCHORS, find_given, is_stand_in
from chat_memory.tools.placeholders import Kind, Stretch

_KEYS = (
    ("sk-", r"[A-Za-z0-9_-]{20,}"),  # OpenAI, Anthropic, OpenRouter, DeepSeek
    ("AKIA", r"[A-Z0-9]{16}(?![A-Za-z0-9])"),  # AWS
    ("ASIA", r"[A-Z0-9]{16}(?![A-Za-z0-9])"),
    ("AIza", r"[A-Za-z0-9_-]{35}"),  # Google
    ("GOCSPX-", r"[A-Za-z0-9_-]{20,}"),
    ("ya29.", r"[A-Za-z0-9_.-]{20,}"),
    ("ghp_", r"[A-Za-z0-9]{30,}"),  # GitHub
    ("gho_", r"[A-Za-z0-9]{30,}"),
    ("ghu_", r"[A-Za-z0-9]{30,}"),
    ("ghs_", r"[A-Za-z0-9]{30,}"),
    ("ghr_", r"[A-Za-z0-9]{30,}"),
    ("github_pat_", r"[A-Za-z0-9_]{22,}"),
    ("glpat-", r"[A-Za-z0-9_.-]{20,}"),  # GitLab
    ("gldt-", r"[A-Za-z0-9_.-]{20,}"),
    ("glrt-", r"[A-Za-z0-9_.-]{20,}"),
    ("xoxb-", r"[A-Za-z0-9-]{10,}"),  # Slack
    ("xoxp-", r"[A-Za-z0-9-]{10,}"),
    ("xoxa-", r"[A-Za-z0-9-]{10,}"),
    ("xoxe", r"[A-Za-z0-9.-]{10,}"),
    ("xoxs-", r"[A-Za-z0-9-]{10,}"),
    ("xapp-", r"[A-Za-z0-9-]{10,}"),
    ("hooks.slack.com/services/", r"[A-Za-z0-9/]{20,}"),
    ("sk_live_", r"[A-Za-z0-9]{16,}"),  # Stripe
    ("sk_test_", r"[A-Za-z0-9]{16,}"),
    ("rk_live_", r"[A-Za-z0-9]{16,}"),
    ("rk_test_", r"[A-Za-z0-9]{16,}"),
    ("whsec_", r"[A-Za-z0-9+/=]{24,}"),
    ("SG.", r"[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}"),  # SendGrid
    ("key-", r"[0-9a-f]{32}(?![A-Za-z0-9])"),  # Mailgun
    ("npm_", r"[A-Za-z0-9]{36}(?![A-Za-z0-9])"),
    ("pypi-", r"[A-Za-z0-9_-]{50,}"),
    ("rubygems_", r"[0-9a-f]{48}"),
    ("hf_", r"[A-Za-z0-9]{30,}"),  # Hugging Face
    ("gsk_", r"[A-Za-z0-9]{40,}"),  # Groq
    ("xai-", r"[A-Za-z0-9]{40,}"),
    ("r8_", r"[A-Za-z0-9]{37}"),  # Replicate
    ("pplx-", r"[A-Za-z0-9]{40,}"),  # Perplexity
    ("dapi", r"[0-9a-f]{32}"),  # Databricks
    ("dop_v1_", r"[0-9a-f]{64}"),  # DigitalOcean
    ("doo_v1_", r"[0-9a-f]{64}"),
    ("shpat_", r"[0-9A-Fa-f]{32}"),  # Shopify
    ("shpss_", r"[0-9A-Fa-f]{32}"),
    ("lin_api_", r"[A-Za-z0-9]{32,}"),  # Linear
    ("ntn_", r"[A-Za-z0-9]{40,}"),  # Notion
    ("ATATT3", r"[A-Za-z0-9_=-]{60,}"),  # Atlassian
    ("hvs.", r"[A-Za-z0-9_-]{24,}"),  # HashiCorp Vault
    ("dp.pt.", r"[A-Za-z0-9]{40,}"),  # Doppler
    ("glsa_", r"[A-Za-z0-9]{32}_[0-9a-f]{8}"),  # Grafana
    ("NRAK-", r"[A-Z0-9]{27}"),  # New Relic
    ("sbp_", r"[0-9a-f]{40}"),  # Supabase
    ("sq0", r"[a-z]{3}-[A-Za-z0-9_-]{22,}"),  # Square
    ("AGE-SECRET-KEY-1", r"[0-9A-Z]{58}"),
    ("AccountKey=", r"[A-Za-z0-9+/=]{40,}"),  # Azure
)
"""How keys begin, and what follows: as their providers document them."""
_KEY = re.compile("(?<![A-Za-z0-9])(?P<value>" + "|".join(re.escape(start) + rest for start, rest in _KEYS) + ")")
_JWT = re.compile(r"(?<![\w-])(?P<value>eyJ[A-Za-z0-9_-]{8,}+(?:\.[A-Za-z0-9_-]*+){2,4})")
_BEARER = re.compile(
    r"(?i:\bbearer|\bauthorization\W{1,4}(?:basic|token|apikey))\s{1,4}(?P<value>[A-Za-z0-9._~+/=-]{16,})"
)
_USER_INFO = re.compile(r"(?<=://)(?P<user>[^\s/:@\"'<>]{0,128}):(?P<value>[^\s/?#\"'<>]{1,256})@(?=[\w\[])")
_TOKEN_INFO = re.compile(r"(?<=://)(?P<value>[A-Za-z0-9_-]{20,})@(?=\w)")
_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_END = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_BODY = re.compile(r"[\w+/=\s\\:,.-]*+")

_SHAPES: tuple[tuple[Kind, str, re.Pattern[str]], ...] = (
    ("token", "eyj", _JWT),
    ("token", "bearer", _BEARER),
    ("token", "authorization", _BEARER),
    ("token", "://", _TOKEN_INFO),
)
_KEY_ANCHORS = tuple(start for start, _ in _KEYS)


def find_secrets(text: str) -> Iterator[Stretch]:
    """Find keys, tokens, private keys, passwords in URLs, and what is given as a secret."""
    small = shrink(text)
    if any(map(text.__contains__, _KEY_ANCHORS)):
        yield from _find_shape(text, "api_key", _KEY)
    for kind, anchor, pattern in _SHAPES:
        if anchor in small:
            yield from _find_shape(text, kind, pattern)
    if "://" in text:
        yield from _find_user_infos(text)
    if "PRIVATE KEY" in text:
        yield from _find_private_keys(text)
    if any(map(small.__contains__, NAME_ANCHORS)):
        yield from find_given(text, small)


def shrink(text: str) -> str:
    """Write a text in small letters, each where it stood."""
    small = text.lower()
    if len(small) == len(text):
        return small
    return "".join(sign.lower() if len(sign.lower()) == 1 else sign for sign in text)


def _find_shape(text: str, kind: Kind, pattern: re.Pattern[str]) -> Iterator[Stretch]:
    for match in pattern.finditer(text):
        if any(sign.isdigit() for sign in match["value"]):
            yield Stretch(kind, *match.span("value"), match["value"])


def _find_user_infos(text: str) -> Iterator[Stretch]:
    for match in _USER_INFO.finditer(text):
        if not is_stand_in(match["value"]):
            yield Stretch("password", *match.span("value"), match["value"])


def _find_private_keys(text: str) -> Iterator[Stretch]:
    """Find whole blocks, and blocks that are cut off: a label inside one may have split them over two turns."""
    ends = [match.span() for match in _END.finditer(text)]
    ends.reverse()
    last = 0
    for begin in _BEGIN.finditer(text):
        if begin.start() < last:
            continue
        while ends and ends[-1][0] < begin.end():
            yield from _cut_off(text, last, ends.pop())
        body = _BODY.match(text, begin.end())
        last = ends.pop()[1] if ends else body.end() if body else begin.end()
        yield Stretch("private_key", begin.start(), last, text[begin.start() : last])
    for end in reversed(ends):
        yield from _cut_off(text, last, end)
        last = end[1]


def _cut_off(text: str, last: int, end: tuple[int, int]) -> Iterator[Stretch]:
    """Find what stands before an end without a beginning: the lines of its body."""
    start = end[0]
    while start > last:
        line = max(text.rfind("\n", last, start - 1) + 1, last)
        if " " in text[line:start].strip():
            break
        start = line
    yield Stretch("private_key", start, end[1], text[start : end[1]])
