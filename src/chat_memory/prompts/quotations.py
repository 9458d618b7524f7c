"""What in a user's turn somebody else may have said: quotation marks, code, tags, mails and pasted text."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence

from chat_memory.prompts.words import Word

TITLE_WORDS = 3
"""Up to so many words in quotation marks are a title or a term, more are somebody's speech."""

_TEXT_WORK = (
    r"translat\w+|summar\w+|rewrit\w+|rephras\w+|paraphras\w+|proof-?read\w*|grammar|improve|classify|sentiment"
    r"|analy[sz]e|reply|respond|e-?mails?|mail|letter|message|text|forwarded|wrote|writes|says|reads?|story|dialog(?:ue)?"
    r"|script|poem|lyrics|bio|essay|draft|template|example|sample|input|prompt|log|transcript|sentence|paragraph|article"
    r"|pretend|role-?play|subject|test data|spam"
)
_SPEECH = re.compile(
    r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|^[ \t]*>[^\n]*|(?<!\w)'[^'\n]{8,}'(?!\w)"
    r"|(?<!\w)\"[^\"\n]*\"|(?<![\w\"])\"(?=\w)(?:[^\"\n]|\n(?!\s*\n))*\"?"
    r"|[\u300c\u300e\u2039][^\u300d\u300f\u203a]*[\u300d\u300f\u203a]?|(?<!`)`[^`\n]+`"
    r"|<(?P<tag>[a-z]\w{1,19})>.*?(?:</(?P=tag)>|\Z)",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)
_PASTED = re.compile(
    rf"^[^\n]{{0,200}}?\b(?:{_TEXT_WORK})\b[^\n]{{0,80}}?(?::\s|\n).*\Z"
    r"|^(?:dear|hi|hello) \w[^\n:.!?]{0,60}[ \t]*\n.*\Z"
    r"|^[ \t]*(?:[-*\[(#<]?\d{1,2}:\d\d\S{0,6} |[-*\[(#<]\S{0,12} ?)?"
    r"(?!(?:my|our|the|i|note|ps|also|hi|hello|hey)\b)[\w.'-]{1,20}(?: [\w.'-]{1,20})?"
    r"(?:[\])>*]{0,3}:|>{1,2}| \|)\s[^\n]*\b(?:i|i'm|my|we|our)\b[^\n]*"
    r"|^[ \t]*[\[(][a-z][\w.'-]{1,19}(?: [\w.'-]{1,20})?[\])]\s[^\n]*\b(?:i|i'm|my|we|our)\b[^\n]*",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)


def quoted_words(text: str, found: Sequence[Word]) -> Iterator[tuple[int, int]]:
    """Find the words, first and last plus one, of each stretch of surface text that somebody else may have said."""
    starts = [word.start for word in found]
    for pattern, shortest in ((_SPEECH, TITLE_WORDS + 1), (_PASTED, 1)):
        for match in pattern.finditer(text):
            first, last = bisect_left(starts, match.start()), bisect_left(starts, match.end())
            if last - first >= shortest:
                yield first, last
