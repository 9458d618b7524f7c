"""What reads like an instruction to a model, and so is no memory: rule 6 of the gate, on text alone.

A user's standing wish is memory (`always answer in German`): what counts is text that speaks to a model about its
rules, tools, memory or secrets, or forges whose words it is. What no user said is held to more than that.
"""

import base64
import binascii
import re
from functools import lru_cache
from typing import NamedTuple

from chat_memory.prompts.concealment import CONCEALED


class _Sign(NamedTuple):
    """A pattern of instructions, and the plain texts one of which it cannot do without: looking for those is quick."""

    reason: str
    cues: tuple[str, ...]
    pattern: re.Pattern[str]


def _sign(reason: str, cues: str, *patterns: str) -> _Sign:
    return _Sign(reason, tuple(cues.split("|")), re.compile("|".join(patterns), re.IGNORECASE))


_EARLIER = r"previous|prior|above|preceding|earlier|foregoing|original|initial|existing|current"
_ORDERS = r"(?:instructions?|prompts?|directives?|guidelines?|system messages?|programming|guardrails?|safeguards?)"
_RULES = rf"(?:{_ORDERS}|rules?|restrictions?|polic(?:y|ies)|constraints?|training|filters?)"
_DISOBEY = (
    r"(?:(?:ignor|disregard|forget|overrid|overwrit|bypass|circumvent|violat|disobey|neglect|abandon|discard)\w{0,4}"
    r"|(?:stop|don'?t|do not|never|no longer) (?:follow|obey|adher)\w{0,3}(?: to)?)"
)
_USER = r"(?:the |this |your |any )?(?:user|human|customer|operator|owner)s?\b"
_OPENING = (
    r"(?:^|[.!?:;,\n\"'>\]*]\s{0,4})"
    r"(?:(?:please|now|then|next|first|also|and|so|you (?:must|should|need to|will)|immediately|always|just),? ){0,3}"
)
_MODEL = r"(?:ai|a\.i\.|llms?|(?:ai )?assistants?|(?:language )?models?|chatbots?|agents?)"
_SECRETS = (
    r"(?:conversation|chat (?:history|log)|transcript|memory|system prompt|api keys?|credentials|passwords?|secrets"
    r"|private (?:data|keys?))"
)

_SIGNS = (
    _sign(
        "it overrides a model's rules",
        "ignor|disregard|forget|overrid|overwrit|bypass|circumvent|violat|disobey|neglect|abandon|discard|follow|obey|adher",
        rf"\b{_DISOBEY} (?:(?:all|any|every|each|both|of|the|these|those|your|my|other|and|or|{_EARLIER}) ){{0,5}}"
        rf"(?:(?:{_EARLIER}|your|other|system|developer|safety|all|any|internal) ){{1,3}}{_RULES}\b",
        rf"\b{_DISOBEY} (?:everything|anything|all|what(?:ever)?)(?: of| that)?(?: is| was| comes?| came)?"
        r" (?:above|before this|you (?:were|are|have been|had been) (?:told|taught|instructed|given))",
    ),
    _sign(
        "it overrides a model's rules",
        "instruction|directive|guideline|prompt|your r|your t|your m|your g|your o|your n|your a",
        r"\b(?:new|updated|real|actual|revised|hidden|secret) (?:system )?(?:instructions?|directives?|system prompt)"
        r"(?: for you| below| follow| are|:)",
        rf"\byour (?:new |real |true |only |actual )?(?:{_ORDERS}|rules|role|task|goal|objective|mission)"
        r" (?:is|are) (?:now|changed|no longer|replaced|void)\b",
    ),
    _sign(
        "it tells a model what it is",
        " mode|you are |you're |act as|behave as|respond as|pretend|roleplay as|without any",
        r"\byou(?:'re| are) (?:now|no longer|hereby|henceforth) .{0,60}?\b(?:ai|assistant|model|bot|agent|mode|bound"
        r"|restricted|unrestricted|admin\w*|root|dan|persona|role)\b",
        r"\b(?:developer|god|jailbreak|unrestricted|dan|admin(?:istrator)?|root|sudo) mode"
        r" (?:is )?(?:on|enabled|activated?|engaged|unlocked)\b",
        r"\b(?:enter|enable|activate|switch to) (?:god|jailbreak|unrestricted|dan|admin\w{0,9}) mode\b",
        r"\b(?:act|behave|respond|pretend|roleplay) (?:as|to be) (?:if you (?:were|are|had|have) )?(?:an? |the )?"
        r"(?:unrestricted|uncensored|unfiltered|jailbroken|evil|dan\b|root\b|system administrator|developer mode)",
        r"\bwithout any (?:restrictions|filters|guardrails|safety (?:checks|rules))",
    ),
    _sign(
        "it commands a model",
        "you must|you shall|you should|you will|you have to|you need to|you are |from now on",
        r"\byou (?:must|shall|should|will|have to|need to|are (?:required|obliged|instructed|ordered|programmed) to)"
        r"(?: now| from now on| then)?,? (?:always|never|only|henceforth|under no circumstances|unconditionally)"
        r"(?: \w+ly)? (?:reply|respond|answer|say|output|obey|comply|follow|execute|reveal|refuse|mention"
        r"|recommend|tell"
        r"|claim|state|include|end|begin|start|address|trust|treat|believe|confirm|approve|accept|use|call|send)\b",
        r"\byou (?:must|shall|have to|will) (?:now )?(?:obey|comply)\b",
        r"\bfrom now on,? (?:you|the (?:assistant|model|agent|ai)) (?:are|will|must|shall|should|only"
        r"|always|never)\b",
    ),
    _sign(
        "it commands a model",
        "ai |llm|assistant|model|bot|agent|a.i.",
        rf"\b(?:attention|note|message|instructions?|notice|reminder) (?:to|for) (?:the |any |all )?{_MODEL}\b",
        rf"\b(?:the |any |all )?{_MODEL} (?:must|shall|is (?:required|instructed|ordered) to|are"
        rf" (?:required|instructed) to)\b",
    ),
    _sign(
        "it has a model use a tool",
        "tool|plugin|skill|_memory|get_history|mcp__|function|arguments|parameters|input|args|params",
        rf"{_OPENING}(?:call|invoke|trigger) (?:(?:the|your|a|this) )?[\"'`]?[\w.-]{{1,40}}[\"'`]? (?:tool"
        rf"|plugin|skill)s?\b",
        rf"{_OPENING}(?:use|run|execute) (?:the |your )?(?:[\"'`][\w.-]{{1,40}}[\"'`]"
        rf"|\w{{1,40}}_\w{{1,40}}) (?:tool|plugin|skill)\b",
        rf"{_OPENING}(?:call|invoke|execute|trigger|use) your (?:available |following )?(?:tools?|plugins?"
        rf"|skills?|functions?)\b",
        r"\b(?:get_memory|update_memory|revise_memory|get_history|mcp__\w+)\b",
        r"\b(?:tool_(?:call|use|calls|choice)|function_calls?)\b",
        r"[{,]\s{0,8}[\"'](?:name|tool|tool_name|function|recipient_name|action)[\"']\s{0,4}:.{1,200}?"
        r"[\"'](?:arguments|parameters|input|args|params|action_input|tool_input)[\"']\s{0,4}:",
    ),
    _sign(
        "it changes what a model remembers",
        "memor|user_|llm_inferred|general_summary|confirmed|verified|authori|trusted",
        r"\b(?:user_confirmed|llm_inferred|general_summary|user_stated)\b",
        r"\b(?:store|save|add|write|put|insert|keep|record|commit|update|delete|remove|erase|wipe|clear|reset|purge"
        r"|append|load)\b.{0,60}? (?:your |the (?:assistant|model|agent|ai|bot|chat)(?:'s)? )"
        r"(?:\w+[- ]){0,2}memor(?:y|ies)\b",
        r"\bforget (?:all (?:of )?)?your (?:\w+[- ]){0,2}memor(?:y|ies)\b",
        r"\b(?:remember|store|save|record|mark|treat|note|regard)\b.{0,60}? as (?:an? |the |already |having been )?"
        r"(?:user[- ])?(?:confirmed|verified|authori[sz]ed|trusted)(?: facts?| by| user| true|[.!,]|$)",
    ),
    _sign(
        "it is about secrecy or a model's own text",
        "user|human|customer|operator|owner|prompt|system|instruction",
        r"\b(?:do not|don'?t|never|without|avoid|must not|cannot|should not) (?:ever )?(?:tell|telling"
        r"|inform|informing"
        r"|alert|alerting|notify|notifying|ask|asking|warn|warning|let|letting"
        rf"|(?:mention|reveal|disclos|show)\w* (?:this |it |that )?to) {_USER}",
        rf"\b(?:hide|conceal|keep|withhold)\b.{{0,40}}? from {_USER}",
        r"\b(?:your|the) (?:\w+ ){0,2}system prompt\b",
        r"\b(?:reveal|print|show|repeat|output|leak|disclose|share|send|display|recite|quote|tell me"
        r"|give me|what(?: is|'s))"
        r"\b.{0,30}?\byour (?:\w+ ){0,3}(?:instructions?|prompt|system message)\b",
    ),
    _sign(
        "it sends what is known elsewhere",
        "](|src|href|javascript:|http|www.|@",
        r"!\[[^\]\n]{0,200}\]\(\s{0,4}(?:https?:|data:|//|javascript:)",
        r"<(?:img|iframe|script|object|embed|link|svg|a)\s[^<>\n]{0,200}?(?:src|href|srcset|data)\s{0,4}=",
        r"\]\(\s{0,4}(?:javascript:|data:)",
        r"\]\([^)\s]{1,300}[?&][\w-]{0,30}(?:data|memory|secret|token|chat|history|payload|conversation"
        r"|summary|context"
        r"|exfil|leak|prompt|q|d)=",
        rf"\b(?:send|post|forward|upload|transmit|exfiltrate|leak|e-?mail|submit)\b.{{0,40}}?\b{_SECRETS}\b.{{0,40}}?"
        r"(?:https?://|www\.|\S@\S)",
    ),
    _sign(
        "it forges whose words it is",
        "<|[inst|[/inst|#|human:|assistant:|prompt|message|note|override|instruction|update|alert|warning|command|result",
        r"<\|[\w ]{1,40}\|>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>",
        r"\b(?:Human|Assistant):[\s\S]{0,400}?\b(?:Human|Assistant):",
        r"</?\s{0,4}(?:chat_memory|memory|turns?|fact|system(?:[-_ ]\w+)?|assistant|user|instructions?"
        r"|antml\S{0,40}|invoke"
        r"|function_(?:calls|results)|tool_\w{1,20}|untrusted\S{0,40}|important|admin|developer)"
        r"(?:\s[^<>]{0,200})?/?>",
        r"(?:^|\n)\W{0,8}(?:system|developer|admin(?:istrator)?|security|assistant|tool|model)[ _-]"
        r"(?:prompt|messages?|notes?|notices?|overrides?|instructions?|updates?|alerts?|warnings?|commands?|results?)"
        r"\b.{0,20}?[:\]\n]",
        r"(?:^|\n)#{1,6} {0,4}(?:system|assistant|user|human|instructions?|tool)\b\W{0,4}(?:\n|$)",
    ),
    _sign(
        "it forges whose words it is",
        "}|]",
        r"[\"']\s{0,8}[}\]]{1,8}\s{0,8},\s{0,8}(?:[{\[]\s{0,8}){0,8}[\"'][\w ]{1,40}[\"']\s{0,4}:",
    ),
)
"""Each gap in them is bounded, so no input makes them slow."""

_LABEL = re.compile(
    r"(?:^|\n)[^\w\n]{0,8}(?:system|developer|assistant|user|human|tool|ai|bot|model|admin)\b[^\w\n:]{0,4}:(?!//)"
    r"|\n[^\w\n]{0,8}(?:note|instructions?|important)\b[^\w\n:]{0,4}:",
    re.IGNORECASE,
)
"""`system:` before a key or a value; a quote may open with one (`System: 16 GB of memory`)."""
_NO_USERS = (
    _sign(
        "it tells a model what to answer",
        "your |reply|respond|answer",
        r"(?<!for )(?<!await )(?<!see )(?<!got )(?<!received )(?<!appreciate )\byour (?:\w+ ){0,2}?"
        r"(?:response|repl(?:y|ies)|answers?|output)\b",
        r"\b(?:reply|respond|answer) (?:only|always|never|exclusively|in the (?:style|voice)|with (?:only"
        r"|the (?:word|phrase)))\b",
    ),
    _sign(
        "it speaks of the user to a model",
        "user|human|customer",
        rf"{_OPENING}(?:tell|inform|convince|persuade|instruct|direct|urge|ask|advise) (?:the|this) (?:user"
        rf"|human|customer)\b",
        r"\bthe user (?:has |have |had )?(?:already |now |hereby )?(?:authori[sz]e[sd]|approve[sd]|consent(?:s|ed)"
        r"|confirm(?:s|ed)|agree[sd]|grant(?:s|ed)|allow(?:s|ed)|permit(?:s|ted))\b",
    ),
)
"""What an assistant, a tool or a page has no reason to tell a memory, though a user may."""

_ALL_SIGNS = (*_SIGNS, *_NO_USERS)

_BLOB_CHARS = 24
_BLOB = re.compile(rf"(?<![\w+/=.-])[A-Za-z0-9+/_-]{{{_BLOB_CHARS},}}={{0,2}}(?![\w+/=])")
_LONG_BLOB = 100
"""A run of base64 of so many characters is a blob, whatever it holds: hashes and most keys are shorter."""


@lru_cache(maxsize=512)
def find_instruction(text: str, *, label: bool = False, users_own: bool = False) -> str:
    """Say how a text reads like an instruction to a model; empty when it is data.

    `label` also minds a role's name that opens it, `users_own` lets pass what only a user may wish.
    """
    lowered = text.lower()
    for sign in _SIGNS if users_own else _ALL_SIGNS:
        for cue in sign.cues:
            if cue in lowered:
                if sign.pattern.search(text):
                    return sign.reason
                break
    if label and (forged := find_label(text)):
        return forged
    if not text.isascii() and CONCEALED.search(text):
        return "it holds characters nobody sees"
    return "it holds text in code" if any(_spells(blob) for blob in _find_blobs(text)) else ""


def find_label(text: str) -> str:
    """Say so where a key or a value opens, or goes on, as somebody's words; a quote may."""
    return "it forges whose words it is" if ":" in text and _LABEL.search(text) else ""


def _find_blobs(text: str) -> list[str]:
    longest = max(map(len, text.split()), default=0)
    return _BLOB.findall(text) if longest >= _BLOB_CHARS else []


def _spells(blob: str) -> bool:
    """Tell whether a run of base64 is longer than any name of a thing, or spells a text."""
    body = blob.rstrip("=").replace("-", "+").replace("_", "/")
    if body.islower() or body.isupper() or body.isdigit():
        return False
    try:
        spelt = base64.b64decode(body[: len(body) // 4 * 4], validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        return len(body) >= _LONG_BLOB
    return " ".join(spelt.split()).isprintable()
