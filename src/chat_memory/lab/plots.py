"""Pictures of numbers: grouped bars as SVG, the same bytes for the same numbers.

They are drawn with matplotlib, which comes with the extra `bench` and is imported only when something is drawn.
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from io import StringIO
from typing import Any

from chat_memory.lab.errors import NoMatplotlibError

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
"""One for each series. Of Okabe and Ito's palette: told apart by the colour-blind, seen on light and on dark."""
INK, PAPER, GRID = "#1f2328", "#ffffff", "#8c959f"
NIGHT_INK, NIGHT_PAPER = "#e6edf3", "#0d1117"
NIGHT = (
    f"@media (prefers-color-scheme: dark) {{ text {{ fill: {NIGHT_INK} !important }}"
    f" #paper path {{ fill: {NIGHT_PAPER} !important }} }}"
)
"""Paper and ink change together, so a picture can be read on any page, whatever the page makes of its reader's wish."""
LOOK: Mapping[str, object] = {
    "svg.hashsalt": "chat-memory",
    "svg.fonttype": "none",  # text stays text: small, and can be searched
    "text.parse_math": False,
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib, so a text is as wide everywhere
    "font.size": 9.0,
    "axes.titlesize": 11.0,
    "figure.facecolor": PAPER,
    "axes.facecolor": "none",
    "legend.frameon": False,
    "grid.color": GRID,
    "grid.alpha": 0.4,
    "axes.axisbelow": True,
    **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.labelcolor", "ytick.labelcolor"), INK),
}
WIDTH_INCHES = 8.0
HEIGHT_INCHES = 0.24
"""Of a bar, with its share of the space between."""
MARGINS_INCHES = 1.3
LOGARITHMIC = 100
"""From this ratio of the longest bar to the shortest on, the short ones could not be seen on a linear axis."""
ROOM = 0.12
"""The axis goes on so far behind the longest bar, for its number; a share of its length."""
WHOLE = 100
"""From here on numbers are written without places."""
GAP_BETWEEN_ENTRIES, GAP_BETWEEN_GROUPS = 0.3, 1.5
"""In bars; entries of a single bar need none."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the picture: a bar for each series it has a value of."""

    label: str
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Group:
    """Entries below a heading."""

    heading: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Bars:
    """A picture of bars that lie: at least one of them. `unit` names the axis, `note` stands below it."""

    title: str
    unit: str
    series: tuple[str, ...]
    groups: tuple[Group, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a bar lies, counted in bars from the top."""

    series: str
    value: float
    height: float


@contextmanager
def our_look() -> Generator[None]:
    """Draw in the block with our settings, whatever the user's of matplotlib are.

    Raises:
        NoMatplotlibError: it is not installed.
    """
    if find_spec("matplotlib") is None:
        raise NoMatplotlibError
    matplotlib: Any = import_module("matplotlib")
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(LOOK)
        yield


def draw_bars(bars: Bars) -> str:
    """Draw bars, as the text of an SVG file.

    Raises:
        NoMatplotlibError: matplotlib is not installed.
    """
    places, ticks = arrange(bars)
    with our_look():
        lowest = max(place.height for place in places) + 0.7
        size = WIDTH_INCHES, MARGINS_INCHES + HEIGHT_INCHES * lowest
        figure: Any = import_module("matplotlib.figure").Figure(figsize=size, layout="constrained")
        axes = figure.add_subplot(ylim=(lowest, -0.7))
        for colour, series in zip(COLOURS, bars.series, strict=False):
            draw_series(axes, series, colour, [place for place in places if place.series == series])
        draw_labels(axes, ticks)
        draw_scale(axes, bars, [place.value for place in places])
        axes.set_title(bars.title, loc="left", fontweight="bold")
        return render(figure, bars.title)


def arrange(bars: Bars) -> tuple[list[Place], dict[float, tuple[str, bool]]]:
    """Give each bar its height, and name the heights: a label, and whether it is a heading."""
    places: list[Place] = []
    ticks: dict[float, tuple[str, bool]] = {}
    height = 0.0
    for group in bars.groups:
        ticks[height] = group.heading, True
        for entry in group.entries:
            height += 1.0
            shown = [series for series in bars.series if series in entry.values]
            places += [Place(series, entry.values[series], height + line) for line, series in enumerate(shown)]
            ticks[height + (len(shown) - 1) / 2] = entry.label, False
            height += (len(shown) - 1) * (1 + GAP_BETWEEN_ENTRIES)
        height += GAP_BETWEEN_GROUPS
    return places, ticks


def draw_series(axes: Any, series: str, colour: str, places: list[Place]) -> None:  # noqa: ANN401 - untyped to us
    """Draw the bars of a series, each with its number behind it."""
    if not places:
        return
    heights, values = [place.height for place in places], [place.value for place in places]
    drawn = axes.barh(heights, values, height=0.8, color=colour, label=series)
    axes.bar_label(drawn, labels=[spell(value) for value in values], padding=3)


def draw_labels(axes: Any, ticks: Mapping[float, tuple[str, bool]]) -> None:  # noqa: ANN401 - untyped to us
    """Name the lines on the left, from the top."""
    axes.set_yticks(list(ticks), labels=[label for label, _ in ticks.values()])
    for label, (_, is_heading) in zip(axes.get_yticklabels(), ticks.values(), strict=True):
        label.set_fontweight("bold" if is_heading else "normal")
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)


def draw_scale(axes: Any, bars: Bars, values: list[float]) -> None:  # noqa: ANN401 - untyped to us
    """Scale the axis to the values and name it, with the note below; series of several get a legend."""
    least, most = min(values), max(values)
    logarithmic = least > 0 and most / least >= LOGARITHMIC
    if logarithmic:
        axes.set_xscale("log")
        axes.set_xlim(least / 2, most * (2 * most / least) ** ROOM)
    else:
        axes.set_xlim(0, most * (1 + ROOM) or 1)
    axes.xaxis.set_major_formatter("{x:,.10g}")
    axes.grid(axis="x")
    scale = f"{bars.unit}, logarithmic scale" if logarithmic else bars.unit
    axes.set_xlabel(f"{scale}\n{bars.note}" if bars.note else scale)
    if len(bars.series) > 1:
        axes.figure.legend(loc="outside lower right", ncols=len(bars.series))  # above, it would cover a long title


def render(figure: Any, title: str) -> str:  # noqa: ANN401 - untyped to us
    """Write a figure as SVG without date or maker, readable by day and by night."""
    figure.patch.set_gid("paper")
    text = StringIO()
    figure.savefig(text, format="svg", metadata={"Title": title, "Date": None, "Creator": None})
    lines = text.getvalue().replace("</style>", f"{NIGHT}</style>", 1).splitlines()
    return "\n".join(line.rstrip() for line in lines) + "\n"


def spell(value: float) -> str:
    """Write a number with three places that mean something, large ones whole."""
    return f"{value:,.0f}" if value >= WHOLE else f"{value:#.3g}"
