"""Tracks that sound unlike their artist's or album's others: intros, remixes, covers, or files of somebody else.

Sounds are put on axes that tell artists apart, along which recordings of one artist vary alike. A track's distance is
to the median of the others of its group, itself left out; few others place that median badly, which is allowed for. It
is compared with the distances of its own group, as far as these are many, and of the label. Distances are judged by
median and MAD of their logarithms: a few outliers, even many in one group, do not move what is usual.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analytics_platform.fans.segments import UNKNOWN_ARTIST
from analytics_platform.taste.product_tables import TRACK_OUTLIERS
from analytics_platform.taste.titles import title_kind

if TYPE_CHECKING:
    import polars as pl

FloatArray = NDArray[np.float64]

RULES = "outliers 1"
LEAST_OTHERS = 3
"""Other tracks of the group, below which sound says nothing."""
LEAST_JUDGED = 60
"""Tracks of a label with so many others, below which nobody knows what is usual."""
AXES = 40
"""Directions of sound that are looked at. With fewer, and without weights, fewer planted outliers were found."""
LEAST_WEIGHT = 0.02
"""Of an axis along which artists do not differ, beside the one along which they differ most."""
SHRINKAGE = 6
"""Tracks of a group at which its own spread counts half, beside the label's."""
FAR, FAR_WITH_EVIDENCE = 2.5, 1.0
"""Robust z of the distance: alone, and beside what title or length say."""
LARGE = 50
"""Tracks of a group, above which a track's own part in its median is nothing."""
MANY = 1 / 3
"""Share of a group that may be far: with more, the artist simply does many things, and is the only measure of it."""
SHORT_S, SHORT_SHARE = 90.0, 0.6
"""An interlude is shorter than both: seconds, and this share of what is usual of the artist."""
MAD_TO_SIGMA = 1.4826
MEDIAN_VARIANCE = np.pi / 2
"""Variance of the median of m numbers, times m: that of the mean is 1."""
TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Apart:
    """How far tracks (n) are from the others of their group; NaN where there are too few."""

    distance: FloatArray
    """(n,) 1 is usual."""
    percentile: FloatArray
    """(n,) share of the label's that are nearer."""
    z: FloatArray
    """(n,) robust z of the logarithm."""


def own_axes(sound: FloatArray, groups: NDArray[np.integer]) -> FloatArray:
    """Sound (n, p) on at most 40 axes along which tracks of one artist vary alike.

    Principal components of the robustly scaled sound, whitened by what varies within artists, then weighted by how
    much artists differ along them (discriminant analysis): what differs anyhow, and between no artists, counts little.

    Args:
        sound: descriptors or embeddings; NaN counts as usual.
        groups: (n,) the artist of each, numbered.
    """
    if not len(sound):
        return sound
    middle = np.nan_to_num(np.nanmedian(sound, axis=0))
    values = np.where(np.isfinite(sound), sound, middle) - middle
    spread = MAD_TO_SIGMA * np.median(np.abs(values), axis=0)
    spread = np.where(spread > TINY, spread, values.std(axis=0))
    # At most 5 spreads: a feature that explodes in one track shall not make the axes.
    values = np.clip(values / np.where(spread > TINY, spread, 1), -5, 5)
    values -= values.mean(axis=0)
    strengths, directions = np.linalg.eigh(values.T @ values)
    kept = np.flatnonzero(strengths > 1e-9 * max(strengths.max(initial=0), TINY))[::-1][:AXES]
    values = values @ directions[:, kept]
    several = _sizes(groups) > LEAST_OTHERS
    if several.sum() <= LEAST_OTHERS or not values.shape[1]:
        return values / np.maximum(values.std(axis=0), TINY)
    apart_by = values - _medians(values, groups)
    usual = np.maximum(MAD_TO_SIGMA * np.median(np.abs(apart_by[several]), axis=0), TINY)
    values = values / usual
    within = _scatter(np.clip(apart_by[several] / usual, -4, 4))
    strengths, directions = np.linalg.eigh(within)
    whitened = values @ (directions / np.sqrt(np.maximum(strengths, TINY)))
    strengths, directions = np.linalg.eigh(_scatter(_medians(whitened, groups), 0))
    share = strengths / max(strengths.max(), TINY)
    return whitened @ directions * np.sqrt(np.maximum(share, LEAST_WEIGHT))


def _scatter(values: FloatArray, shrinkage: float = 0.1) -> FloatArray:
    """Covariance (k, k), a share of it replaced by its mean variance in all directions."""
    scatter = np.atleast_2d(np.cov(values.T))
    return (1 - shrinkage) * scatter + shrinkage * np.trace(scatter) / len(scatter) * np.eye(len(scatter))


def _sizes(groups: NDArray[np.integer]) -> NDArray[np.int64]:
    return np.bincount(groups, minlength=1)[groups] if len(groups) else np.empty(0, dtype=np.int64)


def _members(groups: NDArray[np.integer]) -> list[NDArray[np.int64]]:
    order = np.argsort(groups, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(groups[order])) + 1) if len(groups) else []


def _medians(values: FloatArray, groups: NDArray[np.integer]) -> FloatArray:
    medians = np.empty_like(values)
    for rows in _members(groups):
        medians[rows] = np.median(values[rows], axis=0)
    return medians


def apart(axes: FloatArray, groups: NDArray[np.integer]) -> Apart:
    """How far each track is from the others of its group.

    Args:
        axes: (n, k) as ``own_axes`` gives them.
        groups: (n,) numbered; a negative number is no group.
    """
    logs = np.full(len(axes), np.nan)
    of_group = np.zeros(len(axes))
    known = [rows for rows in _members(groups) if groups[rows[0]] >= 0 and len(rows) > LEAST_OTHERS]
    if sum(map(len, known)) < LEAST_JUDGED:
        return Apart(logs, logs, logs)
    for rows in known:
        distances = np.linalg.norm(axes[rows] - _medians_of_others(axes[rows]), axis=1)
        logs[rows] = np.log(np.maximum(distances / np.sqrt(1 + MEDIAN_VARIANCE / (len(rows) - 1)), TINY))
    usual = float(np.nanmedian(logs))
    for rows in known:
        of_group[rows] = _usual_of_others(logs[rows], usual, SHRINKAGE)
    centre, sigma = _centre_and_spread(logs - of_group)
    for rows in known:
        if ((logs - of_group)[rows] - centre >= FAR * sigma).mean() > MANY:
            of_group[rows] = _usual_of_others(logs[rows], usual, 0)
    relative = logs - of_group
    centre, sigma = _centre_and_spread(relative)
    has = np.isfinite(relative)
    percentile = np.full(len(axes), np.nan)
    percentile[has] = np.searchsorted(np.sort(relative[has]), relative[has]) / has.sum()
    return Apart(np.exp(relative - centre), percentile, (relative - centre) / sigma)


def _medians_of_others(values: FloatArray) -> FloatArray:
    """(m, k) for each row the median of the other rows; of many, of all: one more changes nothing."""
    if len(values) > LARGE:
        return np.broadcast_to(np.median(values, axis=0), values.shape)
    return np.stack([np.median(np.delete(values, place, axis=0), axis=0) for place in range(len(values))])


def _usual_of_others(logs: FloatArray, usual: float, shrinkage: float) -> FloatArray:
    """(m,) what is usual beside each of a group: the median of the others, drawn towards the label's."""
    others = len(logs) - 1
    medians = _medians_of_others(logs[:, None])[:, 0]
    return (others * medians + shrinkage * usual) / (others + shrinkage)


def _centre_and_spread(values: FloatArray) -> tuple[float, float]:
    """Median and MAD, as a standard deviation, of what is known."""
    known = values[np.isfinite(values)]
    centre = float(np.median(known))
    return centre, max(MAD_TO_SIGMA * float(np.median(np.abs(known - centre))), TINY)


def track_outliers(tracks: pl.DataFrame, sound: NDArray[np.floating], heard_by: str) -> pl.DataFrame:
    """The rows of ``marts.track_outliers``.

    With title or length as evidence a track is left out when it is far from its artist or its album; without any,
    only when it is very far from its artist, and from its album too if that has enough tracks. A short one that its
    title calls an intro, interlude or speech is left out in any case. An album is compared only with tracks of
    the same artist on it, so that compilations do no harm.

    Args:
        tracks: isrc (each once), title, artist_id, artist_name, album, duration_s; (n) rows.
        sound: (n, p) how they sound: descriptors or embeddings.
        heard_by: what heard them, for model_version.
    """
    import polars as pl

    # Tracks of unknown artists are not by one artist.
    alone = pl.concat_str(pl.lit(f"{UNKNOWN_ARTIST} "), "isrc")
    artist = pl.when(pl.col("artist_id") == UNKNOWN_ARTIST).then(alone).otherwise("artist_id").alias("artist_id")
    grouped = tracks.with_columns(artist)
    artists = grouped["artist_id"].rank("dense").to_numpy().astype(np.int64) - 1
    on_album = pl.struct("artist_id", "album")
    albums = (
        grouped.select(pl.when(pl.col("album").is_not_null()).then(on_album.rank("dense")).fill_null(0))
        .to_series()
        .to_numpy()
        .astype(np.int64)
        - 1
    )
    axes = own_axes(np.asarray(sound, dtype=np.float64), artists)
    from_artist, from_album = apart(axes, artists), apart(axes, albums)
    short = _short(tracks["duration_s"].cast(pl.Float64).to_numpy(), artists)
    rows: list[dict[str, object]] = []
    for place, (title, seconds) in enumerate(tracks.select("title", "duration_s").iter_rows()):
        ours, albums_z = from_artist.z[place], from_album.z[place]
        named = title_kind(title)
        is_short = bool(short[place])
        either, both = np.fmax(ours, albums_z), np.fmin(ours, albums_z)
        is_far = bool(both >= FAR)
        is_off = bool(either >= FAR_WITH_EVIDENCE)
        is_piece = is_short and named in ("intro or interlude", "spoken")
        kind = named or ("short" if is_short else "far in sound" if is_far else "none")
        reasons = [
            *([f"its title says {named}"] if named else []),
            *([f"short, {seconds:.0f} s: maybe an intro or interlude"] if is_short else []),
            *(_far_words(ours, albums_z) if is_far or (is_off and (named or is_short)) else []),
        ]
        rows.append(
            {
                "kind": kind,
                "reason": "; ".join(reasons) or None,
                "is_left_out": is_far or is_piece or (is_off and bool(named or is_short)),
            }
        )
    judged = pl.DataFrame(
        rows, schema={"kind": pl.String(), "reason": pl.String(), "is_left_out": pl.Boolean()}
    ).with_columns(
        pl.Series(name, values, dtype=pl.Float64()).fill_nan(None)
        for name, values in {
            "artist_distance": from_artist.distance,
            "artist_percentile": from_artist.percentile,
            "album_distance": from_album.distance,
            "album_percentile": from_album.percentile,
        }.items()
    )
    return (
        pl.concat([tracks, judged], how="horizontal")
        .with_columns(pl.col("duration_s").cast(pl.Float64()), pl.lit(f"{RULES}, {heard_by}").alias("model_version"))
        .select([column.name for column in TRACK_OUTLIERS])
        .sort("isrc")
    )


def _short(seconds: FloatArray, artists: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n,) tracks shorter than 90 s and than 0.6 of the artist's median, or the label's where it has few."""
    known = np.isfinite(seconds)
    usual = np.full(len(seconds), float(np.median(seconds[known])) if known.any() else np.inf)
    for rows in _members(artists):
        if (timed := rows[known[rows]]).size > LEAST_OTHERS:
            usual[rows] = np.median(seconds[timed])
    return known & (seconds < SHORT_S) & (seconds < SHORT_SHARE * usual)


def _far_words(from_artist: float, from_album: float) -> list[str]:
    from_whom = [name for name, z in (("artist", from_artist), ("album", from_album)) if z >= FAR_WITH_EVIDENCE]
    return [f"far from the {' and the '.join(from_whom)} in sound"]
