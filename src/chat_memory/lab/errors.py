"""What the lab refuses to do or to believe; shown as the product's own errors are.

ChatMemoryError
└── LabError
    ├── UnknownSuiteError
    ├── NoPeersError
    ├── UnreadableResultsError
    ├── UnwritableResultsError
    ├── NoMatplotlibError
    ├── NothingToDrawError
    ├── UnwritablePlotsError
    ├── DisprovedError
    ├── MissingSetError
    ├── BrokenSetError
    └── ShortSetError
"""

from chat_memory.errors import ChatMemoryError


class LabError(ChatMemoryError):
    """The lab cannot measure."""


class UnknownSuiteError(LabError):
    """There is no suite {name!r}: did you mean {nearest}? Suites: {known}."""


class NoPeersError(LabError):
    """{missing} to compare with: not installed. pip install 'chat-memory[bench]', or from a clone pip install -e '.[bench]'."""


class UnreadableResultsError(LabError):
    """{file} holds no results: {problem}. chat-memory bench --json FILE writes what its compare and plot read, chat-memory eval --json FILE what its own do."""


class UnwritableResultsError(LabError):
    """The results cannot be written to {file}: {problem}. What was measured stands above: copy it, or make room and measure again."""


class NoMatplotlibError(LabError):
    """matplotlib to draw with: not installed. pip install 'chat-memory[bench]', or from a clone pip install -e '.[bench]'."""


class NothingToDrawError(LabError):
    """{file} holds nothing that is drawn. Measure at least one of the suites {drawn}."""


class UnwritablePlotsError(LabError):
    """Pictures cannot be written into {folder}: {problem}. Name another folder with --out."""


class DisprovedError(LabError):
    """{what} is {found}, not {expected}: what was measured was not done, so there are no numbers. Run it again alone; if it stays so, please report it with this line."""


class MissingSetError(LabError):
    """There is no folder {name} in {data_dir}. docs/evaluation.md says which sets a suite reads and where they come from; --data-dir names the folder they are in."""


class BrokenSetError(LabError):
    """{file} of a set cannot be read: {problem}. Fetch that set again; docs/evaluation.md says where from."""


class ShortSetError(LabError):
    """{suite} measured {found} cases of {name}, its {half} half has {expected}: figures of fewer are of another set. Complete the folder as docs/evaluation.md says, or ask for a few with --limit."""
