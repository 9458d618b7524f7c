"""The evaluation: suites that measure, on public sets, how far a memory can be trusted."""
