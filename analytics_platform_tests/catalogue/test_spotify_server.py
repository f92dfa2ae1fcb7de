"""The stand-in answers as Spotify's published contract says, in both modes."""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from openapi_schema_validator import OAS30Validator

from analytics_platform_tests.catalogue.spotify_server import BASIC, SpotifyServer, refused, throttled
from analytics_platform_tests.catalogue.spotify_world import World, album_id, artist_id, isrc_of, replaced_id, track_id

DATA = Path(__file__).parents[3] / "shared" / "data" / "spotify_openapi"
"""sonallux/spotify-web-api (MIT); the text is Spotify's and not shipped."""
CALLS = {
    f"tracks/{track_id(0)}": "OneTrack",
    f"tracks/{replaced_id(10)}": "OneTrack",
    f"tracks?ids={track_id(0)},{track_id(7)}": "ManyTracks",
    f"artists/{artist_id(1)}": "OneArtist",
    f"artists/{artist_id(0)}/albums?limit=10": "PagingArtistDiscographyAlbumObject",
    f"artists/{artist_id(0)}/albums?limit=10&offset=10": "PagingArtistDiscographyAlbumObject",
    f"albums/{album_id(3)}": "OneAlbum",
    f"albums/{album_id(3)}/tracks?limit=50&offset=50": "PagingSimplifiedTrackObject",
    "playlists/P1/items?limit=50": "PagingPlaylistTrackObject",
    f"search?q=isrc:{isrc_of(5)}&type=track&limit=10": "SearchItems",
    "search?q=year:2020&type=track&limit=10&offset=20": "SearchItems",
}
OBJECTS = {
    "track": ("TrackObject", "SimplifiedTrackObject"),
    "album": ("AlbumObject", "AlbumBase", "ArtistDiscographyAlbumObject"),
    "artist": ("ArtistObject",),
}


@pytest.fixture(scope="module")
def contract() -> dict[str, Any]:
    if not DATA.exists():
        warnings.warn(f"NOT CHECKED against Spotify's contract: {DATA} is absent", stacklevel=1)
        pytest.skip(f"no contract at {DATA}")
    return yaml.load((DATA / "subset-catalog-get.yml").read_text(), Loader=yaml.CSafeLoader)


@pytest.fixture(scope="module")
def deprecated() -> dict[str, list[str]]:
    return json.loads((DATA / "deprecated.json").read_text())["fields"] if DATA.exists() else {}


def get(server: SpotifyServer, target: str) -> tuple[int, Any]:
    import requests

    token = requests.post(server.token_url, headers={"Authorization": f"Basic {BASIC}"}, timeout=5).json()
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    reply = requests.get(server.api_url + target, headers=headers, timeout=5)
    return reply.status_code, reply.json()


def errors(contract: dict[str, Any], response: str, answer: Any, no_longer: dict[str, list[str]]) -> list[str]:
    """What is wrong with an answer by the contract; in development mode the deprecated fields are not required."""
    components = copy.deepcopy(contract["components"])
    gone = {field for fields in no_longer.values() for field in fields}
    for schema in all_objects(components):
        schema.pop("discriminator", None)  # names schemas that are not there
        if no_longer and isinstance(schema.get("required"), list):
            schema["required"] = [name for name in schema["required"] if name not in gone]
    schema = components["responses"][response]["content"]["application/json"]["schema"]
    found = OAS30Validator({**schema, "components": components}).iter_errors(answer)
    return [f"{list(error.absolute_path)}: {error.message}" for error in found]


def all_objects(value: Any) -> Iterator[dict[str, Any]]:
    """All objects in a JSON value."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from all_objects(inner)


def declared(contract: dict[str, Any], name: str) -> set[str]:
    """Fields that a schema declares, those of the schemas it is made of included."""
    schema = contract["components"]["schemas"][name]
    fields = set(schema.get("properties", ()))
    for part in schema.get("allOf", ()):
        fields |= set(part.get("properties", ()))
        if "$ref" in part:
            fields |= declared(contract, part["$ref"].rsplit("/", 1)[-1])
    return fields


@pytest.mark.parametrize("development", [False, True], ids=["extended", "development"])
@pytest.mark.parametrize("target", CALLS)
def test_answers_keep_the_contract(
    contract: dict[str, Any], deprecated: dict[str, list[str]], target: str, development: bool
) -> None:
    with SpotifyServer(World(700, development=development)) as server:
        status, answer = get(server, target)
    if development and target.startswith("tracks?"):
        assert status == 403
        assert errors(contract, "Forbidden", answer, {}) == []
        return
    assert status == 200
    if target.startswith("playlists"):
        # The contract knows neither empty places nor local files.
        answer["items"] = [item for item in answer["items"] if item["item"] and not item["is_local"]]
    assert errors(contract, CALLS[target], answer, deprecated if development else {}) == []
    seen = 0
    for described in all_objects(answer):
        names = OBJECTS.get(described.get("type", ""), ())
        if names and not described.get("is_local"):
            seen += 1
            assert set(described) <= set().union(*(declared(contract, name) for name in names))
            if development:
                assert not set(described) & {field for name in names for field in deprecated.get(name, ())}
    assert seen


def test_the_contract_would_notice(contract: dict[str, Any]) -> None:
    world = World(30)
    wrong = {**world.album(0), "total_tracks": "twelve"}
    assert errors(contract, "OneAlbum", wrong, {})
    del wrong["artists"], wrong["total_tracks"]
    assert len(errors(contract, "OneAlbum", wrong, {})) == 2
    assert errors(contract, "OneAlbum", World(30, development=True).album(0), {})


@pytest.mark.parametrize(
    ("reply", "response"),
    [
        (throttled("5"), "TooManyRequests"),
        (throttled(reason="QUOTA_EXCEEDED"), "TooManyRequests"),
        (refused(403, "Forbidden"), "Forbidden"),
        (refused(401, "The access token expired"), "Unauthorized"),
    ],
)
def test_refusals_keep_the_contract(contract: dict[str, Any], reply: Any, response: str) -> None:
    assert errors(contract, response, json.loads(reply.body), {}) == []


def test_next_pages_are_absolute_addresses_that_work(contract: dict[str, Any]) -> None:
    with SpotifyServer(World(700)) as server:
        _, page = get(server, f"albums/{album_id(3)}/tracks?limit=20")
        ids = [item["id"] for item in page["items"]]
        while page["next"]:
            assert page["next"].startswith(server.api_url)
            _, page = get(server, page["next"].removeprefix(server.api_url))
            ids += [item["id"] for item in page["items"]]
        assert ids == [track_id(n) for n in server.world.albums[3]]
        assert get(server, "search?q=x&type=track&limit=51")[0] == 400
        assert get(server, "tracks/T1")[0] == 400
        assert get(server, f"tracks/{track_id(700)}")[0] == 404
