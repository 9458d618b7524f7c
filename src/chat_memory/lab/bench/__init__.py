"""The benchmark: suites that measure what the design promises, each proving by row counts that its work was done."""
