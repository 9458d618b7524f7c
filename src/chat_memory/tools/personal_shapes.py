"""What tells who somebody is, where that has a check or a firm shape: e-mail, phone, card, IBAN, IP, SSN.

Names and addresses of places have neither: they are not found here.
"""

import ipaddress
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from phonenumbers import NumberParseException, PhoneNumberFormat, format_number, is_valid_number, parse

from chat_memory.tools.placeholders import Stretch

_EMAIL = re.compile(r"(?<![\w.+%-])[\w.+%-]{1,64}@(?:[^\W_][\w-]{0,62}\.){1,8}[^\W\d_]{2,24}(?![\w-])")
_USER_OF = re.compile(r"://[^\s/@]*\Z")
"""Before an @ in a URL stands who logs in, and behind it a machine: no address of a person."""
_CARD = re.compile(
    r"(?=\d)(?<!\w)(?<!\d[.,])(?=(?P<card>\d{12,19}"
    r"|\d{4}(?P<four>[ -])\d{4}(?P=four)\d{4}(?P=four)\d{1,7}"
    r"|\d{4}(?P<six>[ -])\d{6}(?P=six)\d{4,5})(?![\d.]?\d))"
)
_ISSUER = re.compile(r"4|5[0-8]|3[0-9]|6|2[2-7]|1800|2131")
"""How the numbers of cards begin: Visa, Mastercard, Maestro, Amex, Diners, JCB, Discover, UnionPay."""
_CARD_CUE = re.compile(r"\b(?:card|visa|mastercard|amex|maestro)\b", re.IGNORECASE)
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}+")
_IBAN_LENGTHS = {
    length: frozenset(countries.split())
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FI FK FO GL NL SD",
        19: "MK SI",
        20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST",
        26: "IS TR",
        27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HU LB NI PL SV",
        29: "BR EG PS QA UA",
        30: "JO KW MU YE",
        31: "MT SC",
        32: "LC",
        33: "RU",
    }.items()
}
"""Characters of an IBAN by country, from the IBAN registry (ISO 13616)."""
_SSN = re.compile(r"(?<![\w-])(?!000|666)\d{3}(?P<sign>[ -])(?!00)\d{2}(?P=sign)(?!0000)\d{4}(?![\w-])")
_BARE_SSN = re.compile(r"(?i:\bssn\b|social security)[^\d\n]{0,40}(?P<value>(?!000|666)\d{9})(?!\d)")
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{0,4})(?![\w:])")
_VERSION = re.compile(r"(?:version|release|build|v)\s?\Z", re.IGNORECASE)

_NUMBERS = re.compile(r"(?<![\w+@#$\u20ac\u00a3/=%-])(?<!\d[.,:])[+(]{0,2}\d[\d ().\-/\u2011\u2013]{4,40}+")
_EXTENSION = re.compile(r"\s?(?:x|ext\.?|extension)\s?\d{1,6}(?!\w)", re.IGNORECASE)
_DIGITS = re.compile(r"\d+")
_OPENING = re.compile(r"[+(]{0,2}\Z")
_WIDE = re.compile(r"[ .\-/()\u2011\u2013]{4}|[ ]{3}")
_GOES_ON = re.compile(r"[.,:]?\d|%|(?!\s?(?:x|ext))[^\W\d]")
"""Behind a number these say that it is none: more digits, a share, a word it is a part of."""
_DATE = re.compile(
    r"(?<![\d./-])(?:(?:19|20)\d\d[ ./-]\d{1,2}[ ./-]\d{1,2}(?!\d)|\d{1,2}[./-]\d{1,2}[./-](?:19|20)?\d\d(?![./-]?\d)"
    r"|(?:19|20)\d\d-(?:19|20)\d\d)"
)
_PHONE_CUE = re.compile(
    r"(?<!\\)\b(?:phones?|telephone|call(?:ed|ing)?|fax|mobile|cell(?:phone)?|tel|desk|text(?:ed)?|sms|whatsapp"
    r"|reach(?:ed)?|ring|dial|answering|voicemail|hotline|landline|messages? to)\b",
    re.IGNORECASE,
)
_CUE_AFTER = re.compile(r"[\s,(-]{0,3}(?:office|fax|mobile|cell|home|work|desk|phone)\b", re.IGNORECASE)
_CUE_CHARACTERS = 40
"""How far before a number a cue may stand, characters: `please have the manager call me at`."""
_PHONE_DIGITS = range(7, 16)
_CARD_DIGITS = range(12, 20)
_NATIONAL_DIGITS = 10
"""So many digits have numbers of North America, and the shorter British ones with their 0."""
_PHONE_GROUPS = 8


@dataclass(slots=True)
class Lookups:
    """How many more numbers of a call are looked up in a numbering plan, some 50 microseconds each.

    Of a longer list everything that could be a phone is taken for one: nothing slips through for being late.
    """

    left: int = 5_000

    def ask(self, written: str) -> str:
        """Return a number in its international form, "" when no plan has it."""
        digits = _digits(written)
        region = None if "+" in written else _region(digits)
        if region == "":
            return ""
        self.left -= 1
        if self.left < 0:
            return digits
        try:
            number = parse(written, region)
        except NumberParseException:
            return ""
        return format_number(number, PhoneNumberFormat.E164) if is_valid_number(number) else ""


def find_personal(text: str, lookups: Lookups) -> Iterator[Stretch]:
    """Find e-mail addresses and, where there are digits, what is made of them."""
    if "@" in text:
        for match in _EMAIL.finditer(text):
            if _USER_OF.search(text, max(match.start() - 130, 0), match.start()):
                continue
            yield Stretch("email", *match.span(), match.group().casefold())
    if not _DIGITS.search(text):
        return
    yield from _find_cards(text)
    yield from _find_ibans(text)
    for match in _SSN.finditer(text):
        yield Stretch("ssn", *match.span(), _digits(match.group()))
    for match in _BARE_SSN.finditer(text):
        yield Stretch("ssn", *match.span("value"), match["value"])
    yield from _find_addresses(text)
    yield from _find_phones(text, lookups)


def _digits(text: str) -> str:
    return "".join(sign for sign in text if sign.isdigit())


def _find_cards(text: str) -> Iterator[Stretch]:
    for match in _CARD.finditer(text):
        number = _digits(match["card"])
        known = _ISSUER.match(number) or _CARD_CUE.search(text, max(match.start() - _CUE_CHARACTERS, 0), match.start())
        if known and len(number) in _CARD_DIGITS and passes_luhn(number):
            yield Stretch("card", *match.span("card"), number)


def passes_luhn(number: str) -> bool:
    """Check the last digit of a card's number (ISO/IEC 7812-1): one in ten numbers passes by chance."""
    doubled = (int(sign) * 2 for sign in number[-2::-2])
    return (sum(int(sign) for sign in number[::-2]) + sum(twice - 9 * (twice > 9) for twice in doubled)) % 10 == 0  # noqa: PLR2004


def _find_ibans(text: str) -> Iterator[Stretch]:
    for match in _IBAN.finditer(text):
        country = match.group()[:2].upper()
        length = next((length for length, countries in _IBAN_LENGTHS.items() if country in countries), 0)
        places = [place for place, sign in enumerate(match.group()) if sign.isalnum()]
        if not length or len(places) < length:
            continue
        end = match.start() + places[length - 1] + 1
        number = "".join(match.group()[place] for place in places[:length]).upper()
        if not text[end : end + 1].isalnum() and passes_mod_97(number):
            yield Stretch("iban", match.start(), end, number)


def passes_mod_97(number: str) -> bool:
    """Check an IBAN's two digits (ISO 7064): one in 97 passes by chance."""
    return int("".join(str(int(sign, 36)) for sign in number[4:] + number[:4])) % 97 == 1


def _find_addresses(text: str) -> Iterator[Stretch]:
    """Find IP addresses, but those every machine has for itself."""
    for pattern in (_IPV4, _IPV6):
        for match in pattern.finditer(text):
            try:
                address = ipaddress.ip_address(match.group())
            except ValueError:
                continue
            named = _VERSION.search(text, max(match.start() - 10, 0), match.start())
            if not (named or address.is_loopback or address.is_unspecified or not _DIGITS.search(match.group())):
                yield Stretch("ip", *match.span(), str(address))


def _find_phones(text: str, lookups: Lookups) -> Iterator[Stretch]:
    """Find phone numbers: those a numbering plan has, and whatever a cue says is one."""
    for run in _NUMBERS.finditer(text):
        groups = [group.span() for group in _DIGITS.finditer(text, *run.span())]
        place = 0
        while place < len(groups):
            stretch = _find_phone(text, groups[place : place + _PHONE_GROUPS], lookups)
            if stretch is not None:
                yield stretch
            end = groups[place][1] if stretch is None else stretch.end
            place = next((later for later, span in enumerate(groups) if span[0] >= end), len(groups))


def _find_phone(text: str, groups: Sequence[tuple[int, int]], lookups: Lookups) -> Stretch | None:
    """Find the number that begins with the first group: the longest that is in a plan, else the longest, by a cue."""
    start = groups[0][0]
    start -= len(_OPENING.search(text, max(start - 2, 0), start)[0])  # type: ignore[index] # it may be empty, so it matches
    counts = accumulate(last - first for first, last in groups)
    ends = [
        end
        for count, (_, end) in zip(counts, groups, strict=True)
        if count in _PHONE_DIGITS and _is_shaped(text[start:end]) and not _GOES_ON.match(text, end)
    ]
    ends.reverse()
    for end in ends:
        number = lookups.ask(text[start:end])
        if number:
            return _extend(text, start, end, number)
    told = ends and (_PHONE_CUE.search(text, max(start - _CUE_CHARACTERS, 0), start) or _CUE_AFTER.match(text, ends[0]))
    return _extend(text, start, ends[0], _digits(text[start : ends[0]])) if told else None


def _is_shaped(written: str) -> bool:
    opened = written.count("(")
    return opened == written.count(")") <= 1 and not _DATE.search(written) and not _WIDE.search(written)


def _extend(text: str, start: int, end: int, number: str) -> Stretch:
    extension = _EXTENSION.match(text, end)
    return Stretch("phone", start, extension.end() if extension else end, number)


def _region(digits: str) -> str:
    """Name the plan a number without a plus can be of: with a leading 0 a British one, else one of North America."""
    if digits.startswith("0"):
        return "GB" if len(digits) >= _NATIONAL_DIGITS else ""
    return "US" if len(digits) == _NATIONAL_DIGITS + digits.startswith("1") else ""
