"""Explanations of all scored files: worked out in workers, each clip once per version of the model."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from analytics_platform.audio.decode import decode_file
from analytics_platform.audio.features import analyse
from analytics_platform.audio.workers import Rejected, run_clips
from analytics_platform.lakehouse.frames import timestamp
from analytics_platform.lakehouse.lake import Lake
from analytics_platform.tracks import hearing
from analytics_platform.tracks.explaining import Explanation, explain, scorer
from analytics_platform.tracks.hearing import Ears, forget
from analytics_platform.tracks.pictures import draw
from analytics_platform.tracks.score_tables import EXPLAINED, TRACK_EXPLANATIONS, TRACK_SCORE_REASONS, TRACK_SCORES
from analytics_platform.tracks.score_words import place_with_range, reasons
from analytics_platform.tracks.scoring import Rows
from analytics_platform.tracks.shipped import Shipped

if TYPE_CHECKING:
    import polars as pl

MEMORY_MB = 2_000
SECONDS = 600.0
"""Of a clip: 5 s with descriptors, half a minute with a net; a crowded machine may take ten times as long."""
PICTURE = ".png"


@dataclass(frozen=True, slots=True)
class Question:
    """A clip to explain."""

    clip_id: str
    path: str
    offset_s: float
    net: str | None
    title: str
    subtitle: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What raised and lowered its score."""

    explanation: Explanation
    picture: bytes
    """PNG."""


@dataclass(slots=True)
class Reasons:
    """What came of the folder."""

    rows: Rows
    explained: int = 0
    """Clips that were explained now; the others had been before."""
    failed: dict[str, str] = field(default_factory=dict)
    """Files that have no explanation, and why."""
    seconds: float = 0.0


_model: list[Shipped] = []
"""The model in use, in this worker."""


def prepare(models_root: Path, version: str, ears: Ears) -> None:
    """Load the model and the net that it needs, and what is heavy, once in each worker."""
    for module in ("captum.attr", "matplotlib.backends.backend_agg", "matplotlib.figure"):
        import_module(module)
    _model[:] = [Shipped.load(models_root, version)]
    hearing.prepare(ears)


def answer(question: Question) -> Answer:
    """Explain one clip; runs in a worker."""
    decoded = decode_file(question.path, offset_s=question.offset_s)[0]
    score = scorer(_model[0], question.net, decoded.length)
    explanation = explain(decoded.samples, decoded.length, score, question.offset_s)
    analysis = analyse(decoded.samples, decoded.length)
    return Answer(explanation, draw(analysis.log_mel, analysis.frames, explanation, question.title, question.subtitle))


def explain_folder(
    lake: Lake,
    folder: Path,
    pictures: Path,
    models_root: Path,
    shown_root: Path,
    ears: Ears,
    *,
    most: int | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Reasons:
    """Explain every file of ``marts.track_scores`` that has no explanation by the same version of the model.

    Args:
        lake: with scores, and the explanations of an earlier run.
        folder: of the files.
        pictures: where they are written, one per clip; those of clips that are gone are removed.
        models_root: of the model store.
        shown_root: paths of pictures are given from here on.
        ears: what hears beside the descriptors.
        most: so many are explained now, the highest scores first; None: all.
        say: told how it goes.
    """
    import polars as pl

    begun = time.monotonic()
    scores = lake.read(TRACK_SCORES).sort("rank_in_batch", "file")
    known = _known(lake, pictures, scores)
    done: dict[str, tuple[dict[str, object], list[dict[str, object]]]] = dict(known)
    waiting = scores.filter(~pl.col("clip_id").is_in(list(done))).unique("clip_id", keep="first", maintain_order=True)
    now = waiting if most is None else waiting.head(most)
    questions = [_question(folder, row, ears.net) for row in now.iter_rows(named=True)]
    failed: dict[str, str] = {}
    if questions:
        version = str(scores["model_version"][0])
        results = run_clips(
            questions,
            answer,
            workers=min(lake.threads, len(questions)),
            memory_mb=max(MEMORY_MB, hearing.memory_of(ears)),
            seconds=SECONDS,
            prepare=partial(prepare, models_root, version, ears),
        )
        pictures.mkdir(parents=True, exist_ok=True)
        with closing(results):
            for question, result in results:
                if isinstance(result, Rejected):
                    failed[question.clip_id] = result.reason
                    continue
                path = pictures / f"{question.clip_id}{PICTURE}"
                building = path.with_name(f".{path.name}")
                building.write_bytes(result.picture)
                building.replace(path)
                done[question.clip_id] = _rows(result.explanation, version, path.relative_to(shown_root).as_posix())
                say(f"{len(done)} of {len(scores)} explained")
    rows: Rows = {table: [] for table in EXPLAINED}
    for score in scores.iter_rows(named=True):
        if score["clip_id"] in done:
            whole, parts = done[score["clip_id"]]
            common = {name: score[name] for name in ("file", "clip_id", "model_version", "title", "artist_name")}
            rows[TRACK_EXPLANATIONS].append(whole | common)
            rows[TRACK_SCORE_REASONS] += [part | common for part in parts]
    forget(pictures, set(done), PICTURE)
    names = {row["file"]: failed[row["clip_id"]] for row in scores.iter_rows(named=True) if row["clip_id"] in failed}
    return Reasons(rows, len(questions) - len(failed), names, time.monotonic() - begun)


def _known(
    lake: Lake, pictures: Path, scores: pl.DataFrame
) -> dict[str, tuple[dict[str, object], list[dict[str, object]]]]:
    """Rows of an earlier run that still hold, by clip: of the same sound, version of the model, and title."""
    import polars as pl

    same = ["clip_id", "model_version", "title", "artist_name"]
    before = lake.read(TRACK_EXPLANATIONS).join(scores, on=same, how="semi", nulls_equal=True).unique("clip_id")
    parts = lake.read(TRACK_SCORE_REASONS)
    return {
        row["clip_id"]: (row, parts.filter(pl.col("file") == row["file"]).to_dicts())
        for row in before.iter_rows(named=True)
        if (pictures / f"{row['clip_id']}{PICTURE}").exists()
    }


def _question(folder: Path, score: dict[str, object], net: str | None) -> Question:
    artist = f"{score['artist_name']}: " if score["artist_name"] else ""
    percentiles = [float(str(score[name])) for name in ("percentile", "percentile_low", "percentile_high")]
    placed = place_with_range(percentiles[0], percentiles[1], percentiles[2])
    return Question(
        str(score["clip_id"]),
        str(folder / str(score["file"])),
        float(str(score["offset_s"])),
        net,
        f"{artist}{score['title']}",
        f"expected {placed} of 100 among releases of its month and genre; 8 of 10 such tracks landed in the range",
    )


def _rows(explanation: Explanation, version: str, picture: str) -> tuple[dict[str, object], list[dict[str, object]]]:
    """Of both tables, without the file."""
    regions, by_segment = explanation.regions, explanation.by_segment
    bands = by_segment.shape[1]

    def row(kind: str, first: int, last: int, effect: float) -> dict[str, object]:
        start, end = regions[first], regions[last]
        ends = {"start_s": start.start_s, "end_s": end.end_s, "low_hz": start.low_hz, "high_hz": end.high_hz}
        return {"kind": kind, **ends, "effect": effect}

    parts = [row("region", number, number, effect) for number, effect in enumerate(explanation.effects.tolist())]
    parts += [
        row("time", number * bands, number * bands + bands - 1, effect)
        for number, effect in enumerate(by_segment.sum(axis=1).tolist())
    ]
    parts += [
        row("band", number, len(regions) - bands + number, effect)
        for number, effect in enumerate(by_segment.sum(axis=0).tolist())
    ]
    whole: dict[str, object] = {
        "words": reasons(explanation),
        "picture": picture,
        "percentile": explanation.percentile,
        "percentile_muted": explanation.percentile_muted,
        "residual": explanation.residual,
        "spread": explanation.spread,
        "explained_at": timestamp(time.time()),
    }
    return whole, parts


def best_pictures(pictures: Path, scores: pl.DataFrame, count: int) -> Sequence[tuple[str, Path]]:
    """Title and picture of the best tracks that have one."""
    found = [
        (str(row["title"]), pictures / f"{row['clip_id']}{PICTURE}")
        for row in scores.sort("rank_in_batch", "file").iter_rows(named=True)
    ]
    return [(title, path) for title, path in found if path.exists()][:count]
