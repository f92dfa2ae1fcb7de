"""iTunes finds the recording that was meant, or none: a wrong clip under the right title is worse than no clip."""

from __future__ import annotations

import json
import logging
from collections.abc import Generator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.catalogue.itunes import ITunes, best_match, search_text
from analytics_platform.catalogue.matching import LEAST_SCORE, Recording, match_score
from analytics_platform_tests.catalogue.itunes_server import ITunesServer, itunes_server, song

SAME = [
    ("Lose Yourself", "Eminem", 326, 'Lose Yourself (From "8 Mile")', "Eminem", 326, ""),
    ("Mr. Brightside", "The Killers", 222, "Mr Brightside", "Killers", 222, ""),
    ("Goodbye Yellow Brick Road", "Elton John", 193, "Good Bye Yellow Brick Road", "Elton John", 193, ""),
    ("Blinding Lights", "The Weeknd", 200, "Blinding Lihgts", "The Weeknd", 200, ""),
    ("Thunderstruck", "AC/DC", 292, "Thunderstruck", "AC-DC", 292, ""),
    ("Strobe (Original Mix)", "deadmau5", 637, "Strobe", "deadmau5", 636, ""),
    ("Levels (Skrillex Remix)", "Avicii", 281, "Levels (Skrillex Remix)", "Avicii", 281, ""),
    ("Levels (Remix)", "Avicii", 281, "Levels (Skrillex Remix)", "Avicii", 281, ""),
    ("Song 2 (Acoustic)", "Blur", 120, "Song 2 (Acoustic Version)", "Blur", 121, ""),
    ("Bohemian Rhapsody (Live at Wembley Stadium, 1986)", "Queen", 330, "Bohemian Rhapsody - Live at Wembley",
     "Queen", 331, ""),
    ("Hurt (Album Version)", "Johnny Cash", 218, "Hurt", "Johnny Cash", 218, ""),
    ("Show Me Love", "The Cover Girls", 210, "Show Me Love", "The Cover Girls", 210, ""),
    ("Live", "Band", 100, "Live", "Band", 100, ""),
    ("Better Together", "Jack Johnson", 207, "Better Together", "Jack Johnson", 208, ""),
    ("Better Together", "Jack Johnson", None, "Better Together", "Jack Johnson", 208, ""),
    ("Déjà Vu", "Beyoncé", 240, "Deja Vu (feat. JAY Z)", "Beyonce", 240, ""),
    ("Crazy in Love (feat. Jay-Z)", "Beyoncé", 236, "Crazy In Love", "Beyoncé & JAY-Z", 235, ""),
    ("Under Pressure", "Queen", 248, "Under Pressure (Remastered 2011)", "Queen & David Bowie", 248, ""),
    ("Heroes", "David Bowie", 371, '"Heroes" (2017 Remaster)', "David Bowie", 371, ""),
    ("Heroes - 2017 Remaster", "David Bowie", 371, "Heroes", "David Bowie", 371, ""),
    ("Live Forever", "Oasis", 276, "Live Forever (Remastered)", "Oasis", 277, ""),
    ("Live and Let Die", "Paul McCartney & Wings", 192, "Live and Let Die", "Wings", 192, ""),
    ("(I Can't Get No) Satisfaction", "The Rolling Stones", 222, "(I Can’t Get No) Satisfaction (Mono)",
     "The Rolling Stones", 223, ""),
    ("Bohemian Rhapsody (Live at Wembley)", "Queen", 330, "Bohemian Rhapsody (Live)", "Queen", 332, ""),
    ("Bohemian Rhapsody (Live)", "Queen", 330, "Bohemian Rhapsody (Live)", "Queen", 332, "Live at Wembley '86"),
    ("One More Time - Radio Edit", "Daft Punk", 236, "One More Time (Radio Edit)", "Daft Punk", 235, ""),
    ("Another Brick in the Wall, Pt. 2", "Pink Floyd", 239, "Another Brick in the Wall, Part II", "Pink Floyd", 239,
     ""),
    ("夜に駆ける", "YOASOBI", 261, "夜に駆ける", "YOASOBI", 261, ""),
    ("!!!", "Billie", 14, "!!!", "Billie", 14, ""),
]  # fmt: skip
OTHER = [
    ("Run", "X", 100, "Ruin", "X", 100, ""),
    ("All I Want for Christmas Is You", "Band", 240, "All I Want for Christmas Is Love", "Band", 240, ""),
    ("Hello", "Adele", 295, "Hello, Hello", "Adele", 295, ""),
    ("Jolene", "Dolly Parton", 161, "Jolene (Cover)", "Dolly Parton", 161, ""),
    ("Say It", "Band", 237, "Say It Right", "Band", 237, ""),
    ("Levels (Skrillex Remix)", "Avicii", 281, "Levels (Cazzette Remix)", "Avicii", 281, ""),
    ("Levels (Remix)", "Avicii", None, "Levels (Skrillex Remix)", "Avicii", 281, ""),
    ("Bohemian Rhapsody (Live in Paris)", "Queen", 330, "Bohemian Rhapsody (Live at Wembley)", "Queen", 331, ""),
    ("99 Luftballons", "Nena", 230, "99 Luftballons (English Version)", "Nena", 230, ""),
    ("Durch den Monsun (English Version)", "Tokio Hotel", 230, "Durch den Monsun (French Version)", "Tokio Hotel",
     230, ""),
    ("(Intro)", "Band", 60, "(Skit)", "Band", 60, ""),
    ("Show Me Love", "Robin S", 210, "Show Me Love", "Robin S Cover Band", 210, ""),
    ("Live and Let Die", "Paul McCartney & Wings", None, "Live and Let Die", "Wings", 192, ""),
    ("Better Together", "Jack Johnson", 207, "Better Together (Live)", "Jack Johnson", 207, ""),
    ("Better Together", "Jack Johnson", 207, "Better Together - Live in Paris", "Jack Johnson", 208, ""),
    ("Better Together", "Jack Johnson", None, "Better Together", "Jack Johnson", 207, "En Concert (Live)"),
    ("Better Together", "Jack Johnson", None, "Better Together", "Jack Johnson", 207, "Live at the Royal Albert Hall"),
    ("Better Together", "Jack Johnson", 207, "Better Together", "Luke Combs", 207, ""),
    ("Better Together", "Jack Johnson", 207, "Better Together (Karaoke Version)", "Jack Johnson", 207, ""),
    ("Better Together", "Jack Johnson", 207, "Better Together", "Ameritz Karaoke", 207, ""),
    ("Better Together", "Jack Johnson", None, "Better Together", "Jack Johnson Tribute Band", 207, ""),
    ("Better Together", "Jack Johnson", 207, "Better Together (In the Style of Jack Johnson)", "Karaoke Stars", 207,
     ""),
    ("Better Together", "Jack Johnson", 207, "Better Together (Instrumental)", "Jack Johnson", 207, ""),
    ("Better Together", "Jack Johnson", 207, "Better Together", "Jack Johnson", 251, ""),
    ("One More Time", "Daft Punk", None, "One More Time (Radio Edit)", "Daft Punk", 235, ""),
    ("One More Time", "Daft Punk", 320, "One More Time", "Daft Punk", 235, ""),
    ("Blue Monday", "New Order", 449, "Blue Monday (Hardfloor Mix)", "New Order", 449, ""),
    ("Love Story", "Taylor Swift", 235, "Love Story (Taylor's Version)", "Taylor Swift", 236, ""),
    ("Love Me", "Yiruma", 180, "Love You", "Yiruma", 180, ""),
    ("Symphony No. 5", "Berlin Orchestra", 400, "Symphony No. 9", "Berlin Orchestra", 400, ""),
    ("Pt. 1", "Band", 200, "Part 2", "Band", 200, ""),
    ("Interlude II", "Band", 60, "Interlude III", "Band", 60, ""),
    ("Hurt", "Johnny Cash", 218, "Hurt", "Nine Inch Nails", 218, ""),
    ("Sunflower", "Post Malone", 158, "Sunflower (Slowed + Reverb)", "Post Malone", 158, ""),
    ("夜に駆ける", "YOASOBI", 261, "群青", "YOASOBI", 261, ""),
    ("!!!", "Billie", 14, "???", "Billie", 14, ""),
    ("Intro", "The xx", 128, "Outro", "The xx", 128, ""),
]  # fmt: skip


def score(pair: tuple) -> float:
    title, artist, length, found_title, found_artist, found_length, album = pair
    return match_score(Recording(title, artist, length), Recording(found_title, found_artist, found_length, album))


@pytest.mark.parametrize("pair", SAME, ids=lambda pair: f"{pair[0]}={pair[3]}")
def test_the_same_recording_is_matched(pair: tuple) -> None:
    assert score(pair) >= LEAST_SCORE


@pytest.mark.parametrize("pair", OTHER, ids=lambda pair: f"{pair[0]}≠{pair[3]}")
def test_a_tempting_other_recording_is_not(pair: tuple) -> None:
    assert score(pair) < LEAST_SCORE


TEXT = st.text(max_size=30)


@given(TEXT, TEXT, TEXT, TEXT, st.none() | st.floats(0, 1e6), st.none() | st.floats(0, 1e6))
def test_a_score_is_between_0_and_1(a: str, b: str, c: str, d: str, one: float | None, other: float | None) -> None:
    assert 0 <= match_score(Recording(a, b, one), Recording(c, d, other)) <= 1


@pytest.mark.parametrize(("title", "artist"), [("", "Band"), ("Song", ""), ("", ""), (" ", " ")])
def test_without_title_or_artist_there_is_no_match(title: str, artist: str) -> None:
    assert match_score(Recording(title, artist, 100), Recording(title, artist, 100)) == 0


def test_a_name_of_a_megabyte_is_compared_in_no_time() -> None:
    one, other = Recording("la " * 300_000, "x & " * 300_000), Recording("lu " * 300_000, "y & " * 300_000)
    assert match_score(one, other) < LEAST_SCORE


@given(st.text(st.characters(categories=["L", "Nd", "Zs"]), min_size=1, max_size=30).filter(str.strip))
def test_case_and_width_of_blanks_do_not_count(text: str) -> None:
    assert match_score(Recording(text, text, 100), Recording(f"  {text} ", text, 100)) == 1


@pytest.fixture
def server() -> Generator[ITunesServer]:
    with itunes_server() as server:
        yield server


def test_songs_are_asked_for_by_artist_and_title_in_the_country(server: ITunesServer) -> None:
    wanted = Recording("Better  Together", "Jack Johnson", 207)
    server.songs = [
        song(1, "Better Together (Live)", "Jack Johnson"),
        song(2, "Better Together", "Jack Johnson", previewUrl=None),
        song(3, "Better Together", "Jack Johnson"),
    ]
    answer = ITunes("de", server.base_url).ask(search_text(wanted))
    assert answer.outcome == "ok"
    match = best_match(wanted, answer.payload)
    assert (match.track_id, match.score) == ("3", 1.0)
    assert match.address.endswith("/3.plus.aac.p.m4a")
    assert server.queries == [
        {"term": ["Jack Johnson Better Together"], "media": ["music"], "entity": ["song"], "limit": ["25"],
         "country": ["DE"]}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("status", "outcome"), [(403, "throttled"), (429, "throttled"), (400, "error"), (503, "error"), (302, "error")]
)
def test_errors_by_status(server: ITunesServer, status: int, outcome: str) -> None:
    server.raw = (status, b"<html>", {"Retry_After": "60", "Location": "http://elsewhere.example/"})
    answer = ITunes("DE", server.base_url).ask("x")
    assert (answer.outcome, answer.status, answer.retry_after_s) == (outcome, status, 60.0)


def test_nothing_found_is_absent(server: ITunesServer) -> None:
    assert ITunes("DE", server.base_url).ask("x").outcome == "absent"
    server.songs = [{"kind": "music-video"}, song(1, "x", "y", trackId="1"), {}, 3]
    assert ITunes("DE", server.base_url).ask("x").outcome == "absent"


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"results": 3}', b"{}", b"\xff", b"[" * 100_000, b" " * 5_000_000]
)
def test_what_is_no_answer_is_an_error(server: ITunesServer, body: bytes) -> None:
    server.raw = (200, body, {})
    assert ITunes("DE", server.base_url).ask("x").outcome == "error"


def test_a_server_that_is_not_there_is_an_error() -> None:
    assert ITunes("DE", "http://127.0.0.1:9").ask("x").outcome == "error"


def test_an_address_that_might_be_signed_is_not_kept(server: ITunesServer, caplog: pytest.LogCaptureFixture) -> None:
    server.songs = [song(1, "x", "y", previewUrl="https://audio-ssl.itunes.apple.com/a.m4a?token=secret")]
    with caplog.at_level(logging.DEBUG):
        answer = ITunes("DE", server.base_url).ask("x")
    assert answer.outcome == "ok"
    assert "secret" not in json.dumps(answer.payload) + caplog.text


@pytest.mark.parametrize("country", ["", "D", "DEU", "D&"])
def test_a_country_is_two_letters(country: str) -> None:
    with pytest.raises(ValueError, match="two letters"):
        ITunes(country)
