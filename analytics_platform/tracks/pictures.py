"""A clip's spectrogram with what raised and lowered its score drawn over it, as a PNG."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from analytics_platform.audio.spectrum import HOP, MELS, SAMPLE_RATE
from analytics_platform.tracks.explaining import BAND_EDGES_HZ, Explanation
from analytics_platform.tracks.score_words import NOTICED, clock

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FloatArray = NDArray[np.float64]

RAISED, LOWERED = "#d6604d", "#4393c3"
"""Red and blue that also differ in lightness from what they lie on."""
SIZE_IN, DPI = (10.0, 6.2), 80
COLOURS = 128
STRONGEST = 8
"""Regions whose effect is written into them."""
SHOWN_DB = 60.0
"""Below the loudest, what is darkest."""


def mel_of(hertz: FloatArray) -> FloatArray:
    """Place on the axis of 128 mel bands (Slaney's scale) of frequencies, 0 at 0 Hz, 128 at 11,025 Hz."""

    def slaney(frequency: FloatArray) -> FloatArray:
        above = 15 + 27 * np.log(np.maximum(frequency, 1e-9) / 1000) / np.log(6.4)
        return np.where(frequency < 1000, frequency * 3 / 200, above)

    return slaney(np.asarray(hertz, dtype=np.float64)) / slaney(np.array(SAMPLE_RATE / 2)) * MELS


def draw(log_mel: NDArray[np.float16], frames: int, explanation: Explanation, title: str, subtitle: str) -> bytes:
    """The picture, about 60 kB.

    Args:
        log_mel: (2, 646, 128) dB.
        frames: of the 1292, that hold sound.
        explanation: of the same clip.
        title: the track.
        subtitle: its score with the range.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    shown = log_mel[0, : max(frames // 2, 1)].T.astype(np.float32)
    start = explanation.regions[0].start_s
    seconds = frames * HOP / SAMPLE_RATE
    figure = Figure(figsize=SIZE_IN, dpi=DPI, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 2, height_ratios=(5, 1.1), width_ratios=(7, 1))
    main = figure.add_subplot(grid[0, 0])
    image = main.imshow(
        shown,
        origin="lower",
        aspect="auto",
        cmap="gray",
        extent=(start, start + seconds, 0, MELS),
        vmax=float(shown.max()),
        vmin=float(shown.max()) - SHOWN_DB,
        interpolation="nearest",
    )
    _regions(main, explanation)
    ticks = np.array([100, 500, 1000, 2000, 5000, 10_000], dtype=np.float64)
    main.set_yticks(mel_of(ticks), [f"{tick / 1000:g} k" if tick >= 1000 else f"{tick:g}" for tick in ticks.tolist()])
    main.set_ylabel("frequency, Hz (mel scale)")
    main.set_title(f"{title}\n{subtitle}", loc="left", fontsize=11, parse_math=False)
    below, beside = figure.add_subplot(grid[1, 0], sharex=main), figure.add_subplot(grid[0, 1])
    by_segment = explanation.by_segment
    edges = np.array([*[region.start_s for region in explanation.regions[:: by_segment.shape[1]]], start + seconds])
    _bars(below, edges[:-1], by_segment.sum(axis=1), widths=np.diff(edges), upright=True)
    below.set_xlabel("place in the file, minutes:seconds")
    below.set_ylabel("all bands")
    below.set_xticks(edges, [clock(edge) for edge in edges.tolist()])
    main.tick_params(labelbottom=False)
    borders = mel_of(np.array(BAND_EDGES_HZ))
    _bars(beside, borders[:-1], by_segment.sum(axis=0), widths=np.diff(borders), upright=False)
    beside.set_ylim(0, MELS)
    beside.set_yticks([])
    beside.set_xlabel("all seconds")
    bar = figure.colorbar(image, ax=beside, fraction=0.35, pad=0.1)
    bar.set_label("level, dB", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    key = figure.add_subplot(grid[1, 1])
    key.axis("off")
    key.text(0, 0.85, "■ raised the score", color=RAISED, fontsize=9, transform=key.transAxes)
    key.text(0, 0.60, "■ lowered it", color=LOWERED, fontsize=9, transform=key.transAxes)
    key.text(0, 0.02, "numbers: hundredths\nof the scale, against\n12 dB quieter", fontsize=7, transform=key.transAxes)
    canvas.draw()
    file = io.BytesIO()
    # 128 colours are a third of the bytes, and nobody sees it.
    drawn = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3]).quantize(COLOURS, dither=Image.Dither.NONE)
    drawn.save(file, "PNG", optimize=True)
    return file.getvalue()


def _regions(axes: Axes, explanation: Explanation) -> None:
    from matplotlib.patches import Rectangle

    strongest = float(np.abs(explanation.effects).max())
    if strongest < NOTICED:
        return
    named = set(np.argsort(-np.abs(explanation.effects), kind="stable")[:STRONGEST].tolist())
    for number, (region, effect) in enumerate(zip(explanation.regions, explanation.effects.tolist(), strict=True)):
        share = abs(effect) / strongest
        low, high = mel_of(np.array([region.low_hz, region.high_hz])).tolist()
        colour = RAISED if effect > 0 else LOWERED
        width = region.end_s - region.start_s
        place = (region.start_s, low)
        axes.add_patch(Rectangle(place, width, high - low, facecolor=colour, alpha=0.6 * share, linewidth=0))
        if number in named and abs(effect) >= NOTICED:
            axes.add_patch(Rectangle(place, width, high - low, fill=False, edgecolor=colour, linewidth=1.5))
            axes.text(
                region.start_s + width / 2,
                (low + high) / 2,
                f"{100 * effect:+.1f}",
                color="white",
                fontsize=9,
                fontweight="bold",
                ha="center",
                va="center",
                bbox={"facecolor": "black", "alpha": 0.55, "pad": 1.5, "linewidth": 0},
            )


def _bars(axes: Axes, starts: FloatArray, effects: FloatArray, *, widths: FloatArray, upright: bool) -> None:
    colours = [RAISED if effect > 0 else LOWERED for effect in effects.tolist()]
    options: dict[str, Any] = {"color": colours, "align": "edge", "edgecolor": "white", "linewidth": 0.5}
    limit = max(float(np.abs(effects).max()) * 100, 100 * NOTICED) * 1.1
    if upright:
        axes.bar(starts, 100 * effects, width=widths, **options)
        axes.axhline(0, color="black", linewidth=0.6)
        axes.set_ylim(-limit, limit)
    else:
        axes.barh(starts, 100 * effects, height=widths, **options)
        axes.axvline(0, color="black", linewidth=0.6)
        axes.set_xlim(-limit, limit)
    axes.tick_params(labelsize=8)
