"""A run: suites one after the other, what they found put together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import anyio

from chat_memory.lab.evaluation.checks import Checks
from chat_memory.lab.evaluation.finding import Finding
from chat_memory.lab.evaluation.results import Results
from chat_memory.lab.evaluation.sizes import check_sizes
from chat_memory.lab.evaluation.study import Study
from chat_memory.lab.evaluation.suites import SUITES
from chat_memory.lab.suites import run_or_stop

Report = Callable[[str, str, int, int], None]
"""Hears the suite, what it is at, how many cases are done and of how many."""


def run(names: Sequence[str], study: Study, report: Report) -> Results:
    """Run suites, each on an event loop of its own.

    Raises:
        ChatMemoryError: one cannot run here, or measured fewer cases than its sets have.
        KeyboardInterrupt: a signal ended it; its database is dropped.
    """
    findings: dict[str, Finding] = {}
    for name in names:
        here = replace(study, report=partial(report, name))
        findings[name] = anyio.run(run_or_stop, partial(SUITES[name].measure, here))
        check_sizes(name, findings[name], study)
        report(name, "done", findings[name].n, findings[name].n)
    return collect(findings)


def collect(findings: Mapping[str, Finding]) -> Results:
    """Put findings together under whole keys: `facts` and `cap` are of all memories, `fold` is of all folds timed."""
    results = Results()
    checks = Checks()
    for name, finding in findings.items():
        results.numbers.update({f"{name}.{key}": value for key, value in finding.tell().items()})
        results.samples.update({f"{name}.{key}": shares for key, shares in finding.samples.items()})
        checks.add(finding.checks)
        if len(finding.folds):
            results.numbers.update(finding.folds.tell("fold."))
    if checks.memories:
        results.numbers.update({"cap.violations": checks.over_cap, "cap.n": checks.memories, "facts.n": checks.facts})
    if checks.facts:
        results.numbers["facts.verified_share"] = checks.verified / checks.facts
    return results
