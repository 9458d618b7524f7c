"""Sentences in fewer tokens: articles, fillers and asks for help go; numbers and negations stay."""

import re

_ENGLISH = re.compile(
    r"\b(?:the|and|my|your?|with|that|this|have|has|want|need|for|please|can|but|it|i['’](?:m|ve|d|ll))\b",  # noqa: RUF001
    re.IGNORECASE,
)
"""A word English has and its neighbours have not: `a`, `so` or `an` alone mean something else elsewhere."""
_ARTICLE = re.compile(
    r"\b(?:[Tt]he (?=[a-z\d])|[Aa]n? (?=[a-z])"
    r"(?!(?:few|little|lot|bit|couple|dozen|hundred|thousand|million|billion|while|priori|la|[a-z]"
    r"|is|are|was|were|and|or|as|to|in|on|at|of|for|has|can|will)\b))"
)
"""Before a small letter: `The Hague` and `the MVP` are names; `a few` is not `few`, and a letter alone is a label."""
_FILLER = re.compile(
    r"(?<!\bnot )(?<!n['’]t )(?<!\bno )(?<!\bnever )(?<!\bas )(?<!\bhow )(?<!\bso )(?<!\bthan )"  # noqa: RUF001
    r"\b(?:really|very|just|basically|simply|quite(?! an?\b)|literally|honestly|totally|of course|please"
    r"|u[hm]+|hmm+)\b,? ",
    re.IGNORECASE,
)
"""`not really` and `not just` say something else than `not`."""
_ASK = re.compile(
    r"(?<=\w)(?:[,;:]| [–—-])? ?(?:and |so |but )?(?:can|could|would|will) you (?:please )?"  # noqa: RUF001
    r"(?:help|assist|guide)(?: me| us)?(?: out)?(?: with (?:this|that|it|these))?(?: please)?\s?[?.!]{0,3}\Z",
    re.IGNORECASE,
)
"""An ask at the end that names nothing: what comes before it is what was said."""


def compress(sentence: str) -> str:
    """Write an English sentence without what says nothing; one of another language as it is."""
    if not _ENGLISH.search(sentence):
        return sentence
    return _ARTICLE.sub("", _FILLER.sub("", _ASK.sub("", sentence))).strip() or sentence
