"""Pictures of what a net hears and of where tracks lie: first-layer filters, and the map of tracks, as PNG."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FloatArray = NDArray[np.float64]

DPI = 80
COLOURS = 128
"""Of the files: a third of the bytes, and nobody sees it."""
SHADES = 8
"""Of red and of blue in the picture of filters."""
MAIN_PIXELS = 660
"""Width of the filters, about."""
GAP = 6
"""Pixels between lines of filters."""
LARGEST_BYTES = 100_000
TOP_HZ = 11_025.0
GENRE_STYLES = (
    ("#0072b2", "o"), ("#e69f00", "s"), ("#009e73", "^"), ("#cc79a7", "D"),
    ("#56b4e9", "v"), ("#d55e00", "P"), ("#882255", "X"), ("#000000", "*"),
)  # fmt: skip
"""Colours that people with any colour vision tell apart (Okabe and Ito 2008, with wine for yellow, which white hides),
and a shape for each, for those who see none."""
OTHER = ("#bbbbbb", ".")
NAMED = 3
"""Typical artists named for each genre."""


def draw_filters(filters: NDArray[np.floating], title: str) -> bytes:
    """First-layer filters as one picture, from low to high frequencies, with where their weight lies.

    Each filter is scaled on its own: what it looks for shows, how strong it is does not.

    Args:
        filters: (k, mels, frames) weights, the lowest band first.
        title: of the picture.
    """
    weights = np.asarray(filters, dtype=np.float64)
    count, mels, frames = weights.shape
    order, centres, narrow = filter_order(weights)
    picture, starts = _tiled(weights[order])
    # Whole pixels for every weight: what is drawn is what is there, and the file is half as large.
    wide, high = max(round(MAIN_PIXELS / picture.shape[1]), 1), max(round(MAIN_PIXELS / 1.3 / picture.shape[0]), 1)
    main_wide, main_high = picture.shape[1] * wide, picture.shape[0] * high
    whole_wide, whole_high = main_wide + 300, main_high + 130
    figure = _figure(whole_wide / DPI, whole_high / DPI, layout=None)
    main = figure.add_axes((60 / whole_wide, 80 / whole_high, main_wide / whole_wide, main_high / whole_high))
    shown = main.imshow(picture, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto", interpolation="nearest")
    for side in main.spines.values():
        side.set_visible(False)
    ticks = {
        name: float(_mel(np.array([hertz]))[0]) * mels for name, hertz in (("100", 100), ("1 k", 1e3), ("5 k", 5e3))
    }
    main.set_yticks(
        [start + mels - 0.5 - place for start in starts for place in ticks.values()],
        list(ticks) * len(starts),
        fontsize=8,
    )
    main.set_xticks([])
    main.set_ylabel("frequency, Hz", fontsize=9)
    main.set_xlabel(
        f"{count} filters of {mels} bands × {frames} frames; sorted by where they hear, low to high, line by line",
        fontsize=9,
    )
    main.set_title(title, loc="left", fontsize=11, parse_math=False)
    scale = figure.add_axes((60 / whole_wide, 32 / whole_high, main_wide / whole_wide, 12 / whole_high))
    figure.colorbar(shown, cax=scale, orientation="horizontal", ticks=[-1, 0, 1])
    scale.set_xticklabels(["sound there calms it", "each filter scaled alone", "sound there excites it"], fontsize=8)
    scale.get_xticklabels()[0].set_horizontalalignment("left")
    scale.get_xticklabels()[-1].set_horizontalalignment("right")
    beside = figure.add_axes(
        ((main_wide + 120) / whole_wide, 80 / whole_high, 160 / whole_wide, main_high / whole_high)
    )
    beside.hist(
        [centres[narrow], centres[~narrow]],
        bins=np.linspace(0, mels, 17).tolist(),
        orientation="horizontal",
        stacked=True,
        color=["#0072b2", "#bbbbbb"],
        label=["in few bands", "in many bands"],
    )
    marks = {"100": 100, "500": 500, "1 k": 1e3, "2 k": 2e3, "5 k": 5e3, "10 k": 1e4}
    beside.set_yticks((_mel(np.array(list(marks.values()))) * mels).tolist(), list(marks), fontsize=8)
    beside.set_ylim(0, mels)
    beside.set_title("where their weight lies", fontsize=9)
    beside.set_xlabel("filters", fontsize=9)
    beside.legend(fontsize=8, loc="best")
    return _png(figure)


def _tiled(weights: FloatArray) -> tuple[FloatArray, list[int]]:
    """Filters (k, mels, frames) beside each other in lines, low bands below, and where each line begins."""
    count, mels, frames = weights.shape
    lines = max(round(float(np.sqrt(count)) / 4), 1)
    columns = int(np.ceil(count / lines))
    picture = np.full((lines * (mels + GAP) - GAP, columns * (frames + 1) - 1), np.nan)
    for place, one in enumerate(weights):
        line, column = divmod(place, columns)
        top, left = line * (mels + GAP), column * (frames + 1)
        largest = np.abs(one).max()
        picture[top : top + mels, left : left + frames] = one[::-1] / (largest if largest > 0 else 1)
    # Fewer shades than an eye tells apart in so small a picture.
    return np.round(picture * SHADES) / SHADES, [line * (mels + GAP) for line in range(lines)]


def filter_order(weights: FloatArray) -> tuple[NDArray[np.int64], FloatArray, NDArray[np.bool_]]:
    """How filters (k, mels, frames) are sorted: by the middle band of their energy, and whether they are narrow.

    Returns:
        (k,) order, (k,) middle band of each, (k,) true where half of the energy lies in an eighth of the bands.
    """
    energy = (weights**2).sum(axis=2)
    total = energy.sum(axis=1, keepdims=True)
    shares = energy / np.where(total > 0, total, 1)
    below = np.cumsum(shares, axis=1)
    centres = (below < 0.5).sum(axis=1).astype(np.float64)
    strongest = -np.sort(-shares, axis=1)[:, : max(weights.shape[1] // 8, 1)].sum(axis=1)
    return np.argsort(centres, kind="stable"), centres, strongest >= 0.5


def _mel(hertz: FloatArray) -> FloatArray:
    """Share of the mel axis (Slaney's scale) below these frequencies; 1 at 11,025 Hz."""
    from analytics_platform.tracks.pictures import mel_of

    return mel_of(hertz) / mel_of(np.array([TOP_HZ]))


def draw_map(places: pl.DataFrame, title: str) -> bytes:
    """The map of tracks, coloured by genre, with typical artists named where their tracks lie.

    Eight genres have colours, those with most tracks; the others are grey.

    Args:
        places: rows of ``marts.track_map``.
        title: of the picture.
    """
    import polars as pl

    counts = places.drop_nulls("genre").group_by("genre").len().sort(["len", "genre"], descending=[True, False])
    shown = counts["genre"].to_list()[: len(GENRE_STYLES)]
    figure = _figure(10.5, 8.4)
    axes = figure.add_subplot()
    rest = places.filter(pl.col("genre").is_null() | ~pl.col("genre").is_in(shown))
    if len(rest):
        axes.scatter(
            rest["x"].to_numpy(),
            rest["y"].to_numpy(),
            s=14,
            color=OTHER[0],
            marker=OTHER[1],
            label=f"other ({len(rest)})",
        )
    size = float(np.clip(36_000 / max(len(places), 1), 9, 60))
    for genre, (colour, marker) in zip(shown, GENRE_STYLES, strict=False):
        mine = places.filter(pl.col("genre") == genre)
        axes.scatter(
            mine["x"].to_numpy(),
            mine["y"].to_numpy(),
            s=size,
            color=colour,
            marker=marker,
            alpha=0.75,
            linewidth=0,
            label=f"{genre} ({len(mine)})",
        )
    _name_artists(axes, places, dict(zip(shown, GENRE_STYLES, strict=False)))
    axes.margins(0.06)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(title, loc="left", fontsize=12, parse_math=False)
    axes.set_xlabel(
        "Near means liked by the same listeners. Axes have no unit, and distances between far groups say nothing.",
        fontsize=9,
    )
    if len(places):
        legend = figure.legend(
            loc="outside right upper", fontsize=9, title="genre (tracks)", frameon=False, markerscale=1.4
        )
        for text in legend.get_texts():
            text.set_parse_math(False)
    return _png(figure)


def _name_artists(axes: Axes, places: pl.DataFrame, styles: dict[str, tuple[str, str]]) -> None:
    """Name the artists whose tracks lie closest together in the midst of their genre; names never overlap."""
    import polars as pl

    by_artist = (
        places.drop_nulls(["artist_name", "genre"])
        .group_by("genre", "artist_name")
        .agg(pl.col("x").median(), pl.col("y").median(), pl.len().alias("tracks"))
        .sort("tracks", "artist_name", descending=[True, False])
    )
    taken: list[tuple[float, float, float]] = []
    for genre, (colour, _) in styles.items():
        named = 0
        mine = by_artist.filter(pl.col("genre") == genre).with_columns(
            ((pl.col("x") - pl.col("x").median()) ** 2 + (pl.col("y") - pl.col("y").median()) ** 2).alias("far")
        )
        # Of artists with many tracks those in the midst of the genre.
        likely = mine.head(max(len(mine) // 2, NAMED)).sort("far", "artist_name")
        for x, y, name in likely.select("x", "y", "artist_name").iter_rows():
            text = name if len(name) <= 22 else f"{name[:21]}…"
            half = 0.0115 * len(text)
            if any(abs(y - top) < 0.055 and abs(x - middle) < half + width for middle, top, width in taken):
                continue
            taken.append((x, y, half))
            axes.annotate(
                text,
                (x, y),
                xytext=(0, 9),
                textcoords="offset points",
                fontsize=8.5,
                ha="center",
                va="bottom",
                parse_math=False,
                bbox={"facecolor": "white", "alpha": 0.85, "edgecolor": colour, "linewidth": 1, "pad": 1.5},
            )
            named += 1
            if named == NAMED:
                break


def _figure(width_in: float, height_in: float, layout: Literal["constrained"] | None = "constrained") -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width_in, height_in), dpi=DPI, layout=layout)


def _png(figure: Figure) -> bytes:
    """The figure as a PNG of at most 100 kB, with as many colours as that allows."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    drawn = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])
    content = b""
    for colours in (COLOURS, COLOURS // 2, COLOURS // 4):
        file = io.BytesIO()
        drawn.quantize(colours, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
        content = file.getvalue()
        if len(content) <= LARGEST_BYTES:
            break
    return content
