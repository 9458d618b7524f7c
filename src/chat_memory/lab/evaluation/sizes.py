"""How many cases the sets have, half by half: a run that measured fewer measured something else."""

from collections.abc import Mapping

from chat_memory.lab.errors import ShortSetError
from chat_memory.lab.evaluation.finding import Finding
from chat_memory.lab.evaluation.study import Study

KNOWN: Mapping[str, Mapping[str, Mapping[str, int]]] = {
    "dialogue_state": {"sgd": {"odd": 1087, "even": 1011}, "multiwoz": {"odd": 487, "even": 512}},
    "long_chat": {"beam": {"odd": 137, "even": 35}},
    "injection": {"bipia": {"odd": 2320, "even": 3680}},
    "redaction": {"pii": {"odd": 762, "even": 738}},
}
"""Cases of each suite's sets, counted in the files docs/evaluation.md names: dialogues, questions, texts, strings of
bipia in every place and form. Other sets are measured as they are."""


def check_sizes(name: str, finding: Finding, study: Study) -> None:
    """Refuse a finding of too few cases, unless a limit asked for few.

    Raises:
        ShortSetError: a set has more.
    """
    if study.limit is not None:
        return
    for of_set, sizes in KNOWN.get(name, {}).items():
        expected = sum(sizes.values()) if study.half == "all" else sizes[study.half]
        found = finding.cases.get(of_set, 0)
        if found < expected:
            raise ShortSetError(suite=name, name=of_set, found=found, expected=expected, half=study.half)
