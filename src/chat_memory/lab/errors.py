"""What the benchmark refuses to do or to believe; shown as the product's own errors are.

ChatMemoryError
└── BenchError
    ├── UnknownSuiteError
    ├── NoPeersError
    ├── UnreadableResultsError
    ├── NoMatplotlibError
    ├── NothingToDrawError
    ├── UnwritablePlotsError
    └── DisprovedError
"""

from chat_memory.errors import ChatMemoryError


class BenchError(ChatMemoryError):
    """The benchmark cannot measure."""


class UnknownSuiteError(BenchError):
    """There is no suite {name!r}: did you mean {nearest}? Suites: {known}."""


class NoPeersError(BenchError):
    """{missing} to compare with: not installed. pip install 'chat-memory[bench]', or from a clone pip install -e '.[bench]'."""


class UnreadableResultsError(BenchError):
    """{file} holds no results: {problem}. chat-memory bench --json FILE writes what compare and plot read."""


class NoMatplotlibError(BenchError):
    """matplotlib to draw with: not installed. pip install 'chat-memory[bench]', or from a clone pip install -e '.[bench]'."""


class NothingToDrawError(BenchError):
    """{file} holds nothing that is drawn. Measure at least one of the suites commit_floor, append, drain, peers, visible and transport."""


class UnwritablePlotsError(BenchError):
    """Pictures cannot be written into {folder}: {problem}. Name another folder with --out."""


class DisprovedError(BenchError):
    """{what} is {found}, not {expected}: what was measured was not done, so there are no numbers. Run it again alone; if it stays so, please report it with this line."""
