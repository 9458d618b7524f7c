"""Secrets by their name: `password: ...`, `my password is ...`, and random values beside the name of a secret.

Every pattern takes linear time: runs begin at their first character only, or their length is bounded.
"""

import re
from collections.abc import Iterator

from chat_memory.prompts.words import lexicon
from chat_memory.tools.placeholders import PLACEHOLDER, Stretch

_PERSONS = (
    r"pass(?:word|wd|phrase|code|wort|(?<=_pass))|pwd|pw(?<![a-z]pw)(?=\s?[:=])"
    r"|kennwort|contrase\u00f1a|contrasena|mot de passe|senha|wachtwoord"
    r"|\u043f\u0430\u0440\u043e\u043b\u044c|\u5bc6\u7801|\u5bc6\u78bc|\u30d1\u30b9\u30ef\u30fc\u30c9|\ube44\ubc00\ubc88\ud638"
)
_MACHINES = (
    r"secret|token(?!s)|credential|(?:api|access|auth|private|signing|encryption|account|license|recovery|bot)[ _-]?key"
)
"""How secrets are announced: those people choose, in ten languages, and those machines draw."""
_FOR = r"(?:\s\([^()\n]{1,40}\)|\s(?:for|of|to|on|at)\s[\w .@/-]{1,40}?)?"
_GIVES = (
    r"(?:\\?[\"'`\]]|[*_]{1,3})?\s{0,3}"
    r"(?:(?P<sign>(?:\bis\s?)?(?::=|=>|->|[:=|>\uff1a])|(?<=\s)[\u2013\u2014-](?=\s))"
    r"|(?P<verb>\b(?:is|was|are)\b(?:\snow\b|\sset\sto\b)?|['\u2019]s\b)|(?<=\s)(?=\w{0,40}\d))"
    r"(?:[*_]{1,3}(?=\s))?\s{0,3}"
)
_GIVEN = re.compile(rf"(?:(?P<persons>{_PERSONS})|{_MACHINES})s?(?={_FOR}{_GIVES}(?P<value>\S))")
_VALUE = re.compile(
    r"\\?\"(?P<double>[^\"\n]{1,256}?)\\?\"|'(?P<single>[^'\n]{1,256})'|`(?P<tick>[^`\n]{1,256})`"
    r"|(?P<bare>[^\s\"'`]{1,256})"
)
_SECRET_NAME = re.compile(f"{_PERSONS}|{_MACHINES}")
_RUN = re.compile(r"(?<![A-Za-z0-9+/=_-])[A-Za-z0-9+/=_-]{16,}+")
_BEFORE, _AFTER = 48, 24
"""How far from a secret's name a random value counts as the secret, characters: `the API key for staging: ...`."""

NAME_ANCHORS = lexicon(
    "secret token credential key pass pw contrase kennwort senha wachtwoord"
    " \u043f\u0430\u0440\u043e\u043b\u044c \u5bc6\u7801 \u5bc6\u78bc"
    " \u30d1\u30b9\u30ef\u30fc\u30c9 \ube44\ubc00\ubc88\ud638"
)
"""A text without any of these, in small letters, names no secret."""

_PROSE = lexicon(
    "a an the my your our their his her its this that these those not no none null nil undefined true false yes empty"
    " required optional missing wrong incorrect invalid expired correct right valid weak strong secure safe unsafe"
    " needed set reset changed unchanged updated stored saved sent hidden hashed encrypted plain protected protection"
    " manager managers policy policies field fields input string str text varchar bytes int char object any type value"
    " must should shall can cannot may might will would could has have had is are was were be been being do does did"
    " too very so just also still only always never now then there here what when where which who how why if because"
    " and or but in on at to for from by with without of as like than same different unknown known forgotten lost"
    " stolen leaked compromised broken working failing fine ok okay good bad short long longer at least easy hard"
    " something anything nothing whatever example placeholder redacted secret password token default blank"
    " case-sensitive numeric alphanumeric random generated important confidential private public visible available"
    " authentication authorization verification based one-time temporary asking ready done being using use please"
    " error denied accepted rejected incorrectly correctly ignored masked shared reused it we you they he she i"
    " choose enter create pick hash hashing bcrypt argon minimum maximum min max length user users username"
    " email name confirm sha1 sha256 sha512 md5 base64 utf-8 utf8 oauth2 argon2 pbkdf2 rfc2898"
)
"""After `password:` or `password is` these say something of the password, and are none."""
_CODE = re.compile(
    r"\$\{|\$[A-Z_]{2,}\b|\$\(|\{\{|<|%[sd({]|\*{2,}|\u2022|x{3,}\Z|\.{2,}"
    r"|[A-Za-z_]+(?:\.[A-Za-z_]+)*\(|(?i:your[_ -]?[a-z_ -]*)\Z"
    r"|(?i:self|this|req|request|user|config|settings|os|process|env|data|form|args|options|params|body|ctx|app|models)\."
)
"""What stands in place of a password in code and templates: `${PASSWORD}`, `<password>`, `input()`."""
_VARIABLE = re.compile(
    r"(?i:(?:[a-z]+_)*(?:password|passwd|pwd|secret|token|hash|env)(?:_[a-z]+)*)|[a-z]+(?:Password|Secret|Token|Hash)"
)
"""Without quotes this names where a password is: `password=hashed_password`."""
_OURS = re.compile(rf"{PLACEHOLDER.pattern}\W*")
_PARTS = re.compile(r"[A-Za-z0-9]+")
_PIECES = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
_PART_CHARACTERS = 12
"""A random value has a part this long without a sign in it; names of things have shorter ones."""
_PIECE_CHARACTERS = 3.5
"""Letters and digits of a random value change this often at least, on average: words are longer."""
_WHOLE_CHARACTERS, _WHOLE_PIECE_CHARACTERS = 20, 2.5
"""The same of a value without its signs, where they part it: base64 with its `/` and `+`."""
_RANDOM_DIGITS = 2
_DISTINCT = 8
_MIXED = re.compile(r"(?=\S*[^\W\d])\S{6}|\d{6,}\Z")
"""What follows a name without a word between is a password if it looks like one: `use password ab12cd`."""
_ENDS = {"=": "[;&]", ">": "<", "|": r"\|"}
"""What ends a value that a sign gives: the next setting, the closing tag, the next cell."""
_LEAST_PASSWORD = 3
_LEAST_ASSIGNED = 8


def find_given(text: str, small: str) -> Iterator[Stretch]:
    """Find what is given as a secret: after its name, or random and near it; `small` is the text in small letters."""
    for match in _GIVEN.finditer(small):
        value = _VALUE.match(text, match.start("value"))
        if value is not None:
            yield from _take_given(text, match, value)
    for run in _RUN.finditer(text):
        if _is_random(run.group(), _PART_CHARACTERS) and _is_near_name(small, *run.span()):
            yield Stretch("secret", *run.span(), run.group())


def is_stand_in(value: str) -> bool:
    """Tell whether a value only holds the place of a secret: code, a template, a mask, a placeholder of ours."""
    return _CODE.match(value) is not None or _OURS.fullmatch(value) is not None


def _take_given(text: str, announced: re.Match[str], found: re.Match[str]) -> Iterator[Stretch]:
    """Take what is given after a secret's name, if it can be one."""
    start, end = _trim(found, announced["sign"])
    value = text[start:end]
    signed = announced["sign"] is not None or found["bare"] is None
    if not signed and announced["verb"] is None and not _MIXED.match(value):
        return
    if found["bare"] and _VARIABLE.fullmatch(value):
        return
    if announced["persons"] and _is_password(value, signed=signed, last=_ends_clause(text, end)):
        yield Stretch("password", start, end, value)
    elif not announced["persons"] and _is_random(value, _LEAST_ASSIGNED) and not is_stand_in(value):
        yield Stretch("secret", start, end, value)


def _trim(found: re.Match[str], sign: str | None) -> tuple[int, int]:
    """Say where a value stands, without what ends its sentence or its setting."""
    kind = found.lastgroup or "bare"
    start, end = found.span(kind)
    if kind != "bare":
        return start, end
    value = found["bare"] if not found["bare"].endswith(":") else ""  # the next line's label, not a value
    value = re.split(_ENDS.get(sign or "", r"\Z"), value, maxsplit=1)[0]
    return start, start + len(value.rstrip(".,;:!?)}>" if "[" in value else ".,;:!?)}>]"))


def _ends_clause(text: str, end: int) -> bool:
    return text[end : end + 1] in ("", ".", ",", ";", "!", "?", ")", "\n")


def _is_password(value: str, *, signed: bool, last: bool) -> bool:
    if sum(map(str.isalnum, value)) < _LEAST_PASSWORD or value.lower() in _PROSE or is_stand_in(value):
        return False
    return signed or last or any(not sign.isalpha() for sign in value.strip("-'"))


def _is_near_name(small: str, start: int, end: int) -> bool:
    """Tell whether the name of a secret stands on either side: `the token is ...`, `use ... as the token`."""
    before = _SECRET_NAME.search(small, max(start - _BEFORE, 0), start)
    return (before or _SECRET_NAME.search(small, end, end + _AFTER)) is not None


def _is_random(value: str, least: int) -> bool:
    """Tell whether a value looks drawn, not written: a long part of letters and digits that change often."""
    parts = _PARTS.findall(value)
    whole = "".join(parts)
    return _changes(max(parts, key=len, default=""), least, _PIECE_CHARACTERS) or _changes(
        whole, max(least, _WHOLE_CHARACTERS), _WHOLE_PIECE_CHARACTERS
    )


def _changes(part: str, least: int, piece: float) -> bool:
    digits = sum(sign.isdigit() for sign in part)
    if len(part) < least or digits < _RANDOM_DIGITS or digits == len(part) or len(set(part)) < min(_DISTINCT, least):
        return False
    return len(part) / len(_PIECES.findall(part)) <= piece
