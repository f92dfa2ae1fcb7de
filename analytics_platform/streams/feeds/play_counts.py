"""Open data sets of undated play counts: Last.fm HetRec 2011 and the Echo Nest Taste Profile.

HetRec: ``user_artists.dat`` (userID, artistID, weight = plays) and ``artists.dat``; each listener
is cut to 50 artists. Taste Profile: ``train_triplets.txt`` (user, song, plays; no header) and
``unique_tracks.txt`` (track<SEP>song<SEP>artist<SEP>title). Both are for non-commercial use.
"""

from __future__ import annotations

import re

from analytics_platform.streams.contract import Output, Resource, names
from analytics_platform.streams.feeds import sql
from analytics_platform.streams.tables import ARTISTS, PLAY_COUNTS, TRACKS

HETREC = "lastfm_hetrec2011"
TASTE_PROFILE = "taste_profile"

USER_ARTISTS = Resource(
    vendor=HETREC,
    name="user_artists",
    pattern=re.compile(r"(?:^|/)user_artists\.dat(?:\.gz)?$"),
    form="tsv",
    sources=(
        names("userID", name="user_id", required=True),
        names("artistID", name="artist_id", required=True),
        names("weight", required=True),
    ),
    rules=(sql.needs("user_id", "no listener"), sql.needs("artist_id", "no artist"), sql.is_count("weight")),
    listener=("user_id",),
    duplicates_by=("user_id", "artist_id"),
    outputs=(Output(PLAY_COUNTS, {"vendor_artist_id": "artist_id", "plays": "try_cast(weight as bigint)"}),),
    is_undated=True,
)

HETREC_ARTISTS = Resource(
    vendor=HETREC,
    name="artists",
    pattern=re.compile(r"(?:^|/)artists\.dat(?:\.gz)?$"),
    form="tsv",
    sources=(names("id", required=True), names("name", required=True)),
    unlisted=("url", "pictureURL"),
    rules=(sql.needs("id", "no artist"), sql.needs("name", "no name")),
    duplicates_by=("id",),
    outputs=(Output(ARTISTS, {"vendor_artist_id": "id", "artist_name": "name"}),),
    is_undated=True,
)


def _triplets(pattern: str, delimiter: str) -> Resource:
    return Resource(
        vendor=TASTE_PROFILE,
        name="triplets",
        pattern=re.compile(pattern),
        form="tsv",
        header=("user", "song", "plays"),
        delimiter=delimiter,
        sources=(
            names("user", name="user_id", required=True),
            names("song", required=True),
            names("plays", name="count", required=True),
        ),
        rules=(sql.needs("user_id", "no listener"), sql.needs("song", "no track"), sql.is_count("count")),
        listener=("user_id",),
        duplicates_by=("user_id", "song"),
        outputs=(Output(PLAY_COUNTS, {"track_id": "song", "plays": "try_cast(count as bigint)"}),),
        is_undated=True,
    )


UNIQUE_TRACKS = Resource(
    vendor=TASTE_PROFILE,
    name="unique_tracks",
    pattern=re.compile(r"(?:^|/)unique_tracks\.txt(?:\.gz)?$"),
    form="tsv",
    header=("track", "song", "artist", "title"),
    delimiter="<SEP>",
    sources=(names("track"), names("song", required=True), names("artist", required=True), names("title")),
    rules=(sql.needs("song", "no track"), sql.needs("artist", "no artist")),
    outputs=(Output(TRACKS, {"track_id": "song", "artist_name": "artist", "title": "title"}, one_per="track_id"),),
    is_undated=True,
)

RESOURCES = (
    USER_ARTISTS,
    HETREC_ARTISTS,
    _triplets(r"(?:^|/)(?P<part>(?:train_|kaggle_visible_evaluation_)?triplets)\.txt(?:\.gz|\.zip)?$", "\t"),
    _triplets(r"(?:^|/)taste_profile\w*/(?:.*/)?(?P<part>user_\d+)\.csv$", ","),
    UNIQUE_TRACKS,
)
