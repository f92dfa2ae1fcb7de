"""A preview arrives whole and under its hash, or there is a reason; no host can hold, fill or lead us astray."""

from __future__ import annotations

import hashlib
import logging
import ssl
from collections.abc import Generator
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_platform.catalogue.download import Downloaded, DownloadFailure, download, is_allowed
from analytics_platform_tests.catalogue.preview_server import SIGNATURE, PreviewServer, preview_server
from analytics_platform_tests.catalogue.sounds import tone

TONE = tone("mp3", 2)
LIMIT = 1_000_000


@pytest.fixture(scope="module")
def shared() -> Generator[PreviewServer]:
    files = {"tone.mp3": TONE, "same.mp3": TONE, "tone.flac": tone("flac"), "page.mp3": b"<!doctype html><html>" * 50}
    with preview_server(files) as server:
        yield server


@pytest.fixture
def server(shared: PreviewServer) -> PreviewServer:
    shared.seen.clear()
    shared.failures_left = 2
    return shared


def fetch(server: PreviewServer, path: str, root: Path, **changes: object) -> Downloaded | DownloadFailure:
    options: dict = {"max_bytes": LIMIT, "trusted": server.trusted, "sleep": lambda seconds: None, "deadline_s": 30}
    options |= changes
    address = path if path.startswith("http") else server.url(path)
    result = download(address, root, options.pop("hosts", server.hosts), **options)
    assert not list(root.glob(".part-*")), "something unfinished is left"
    if isinstance(result, DownloadFailure):
        assert not [path for path in root.rglob("*") if path.is_file()]
        assert SIGNATURE not in result.reason
    return result


def test_a_file_lies_under_the_hash_of_its_content_and_only_once(server: PreviewServer, tmp_path: Path) -> None:
    one = fetch(server, server.sign("tone.mp3"), tmp_path)
    other = fetch(server, "plain/same.mp3", tmp_path)
    sha = hashlib.sha256(TONE).hexdigest()
    assert one == other == Downloaded(f"{sha[:2]}/{sha}.mp3", "mp3", len(TONE), sha)
    assert [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()] == [TONE]
    assert server.accepts_encoding == "identity"


def test_the_content_says_the_format_not_the_name(server: PreviewServer, tmp_path: Path) -> None:
    server.files["lying.mp3"] = server.files["tone.flac"]
    result = fetch(server, "plain/lying.mp3", tmp_path)
    assert isinstance(result, Downloaded)
    assert result.codec == "flac"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("status/403", "forbidden"),
        ("status/404", "absent"),
        ("status/410", "absent"),
        ("status/429", "throttled"),
        ("status/206", "unexpected status"),
        ("redirect/loopback", "redirected"),
        ("redirect/elsewhere", "redirected"),
        ("redirect/here", "redirected"),
        ("plain/page.mp3", "not audio"),
        ("plain/nothing", "not audio"),
        ("bomb/x", "encoded"),
    ],
)
def test_what_is_no_preview_is_refused_after_one_request(
    server: PreviewServer, tmp_path: Path, path: str, kind: str
) -> None:
    result = fetch(server, f"{path}?{SIGNATURE}", tmp_path)
    assert isinstance(result, DownloadFailure)
    assert result.kind == kind
    assert len(server.seen) == 1


def test_an_expired_address_is_forbidden(server: PreviewServer, tmp_path: Path) -> None:
    address = server.sign("tone.mp3")
    server.expire()
    result = fetch(server, address, tmp_path)
    assert isinstance(result, DownloadFailure)
    assert (result.kind, result.status) == ("forbidden", 403)


@pytest.mark.parametrize("kind", ["endless", "understated"])
def test_ten_gigabytes_are_cut_off(server: PreviewServer, tmp_path: Path, kind: str) -> None:
    result = fetch(server, f"{kind}/tone.mp3", tmp_path)
    assert isinstance(result, DownloadFailure)
    assert result.kind == "too large"
    # What the kernel holds between the two of them comes on top.
    assert server.sent[kind] < 30 * LIMIT


@pytest.mark.parametrize("path", ["hang/x", "drip/tone.mp3", "drip-headers/x"])
def test_a_slow_server_is_cut_off(server: PreviewServer, tmp_path: Path, path: str) -> None:
    result = fetch(server, path, tmp_path, deadline_s=0.7)
    assert isinstance(result, DownloadFailure)
    assert result.kind == "timed out"


def test_a_server_that_recovers_is_tried_again(server: PreviewServer, tmp_path: Path) -> None:
    waits: list[float] = []
    result = fetch(server, "flaky/tone.mp3", tmp_path, sleep=waits.append)
    assert isinstance(result, Downloaded)
    assert len(server.seen) == 3
    assert waits == [0.5, 1.0]


@pytest.mark.parametrize(
    ("path", "kind"),
    [("status/500", "server error"), ("truncated/tone.mp3", "unreachable"), ("dropped/x", "unreachable"),
     ("headers/tone.mp3", "unreachable")],
)  # fmt: skip
def test_what_may_pass_is_tried_three_times(server: PreviewServer, tmp_path: Path, path: str, kind: str) -> None:
    result = fetch(server, path, tmp_path)
    assert isinstance(result, DownloadFailure)
    assert result.kind == kind
    assert len(server.seen) == 3


def test_waiting_between_tries_counts_for_the_deadline(server: PreviewServer, tmp_path: Path) -> None:
    waits: list[float] = []
    result = fetch(server, "status/503", tmp_path, deadline_s=0.3, sleep=waits.append)
    assert isinstance(result, DownloadFailure)
    assert max(waits, default=0) <= 0.3


def test_more_than_announced_is_not_read(server: PreviewServer, tmp_path: Path) -> None:
    result = fetch(server, "short/tone.mp3", tmp_path)
    assert isinstance(result, Downloaded)
    assert result.size_bytes == len(TONE) - 100


def test_a_certificate_that_nobody_vouches_for_is_refused(server: PreviewServer, tmp_path: Path) -> None:
    result = fetch(server, "plain/tone.mp3", tmp_path, trusted=ssl.create_default_context())
    assert isinstance(result, DownloadFailure)
    assert result.kind == "unreachable"
    assert server.seen == []


@pytest.mark.parametrize(
    "address",
    [
        "http://localhost:{port}/plain/tone.mp3",
        "https://127.0.0.1:{port}/plain/tone.mp3",
        "https://user:password@localhost:{port}/plain/tone.mp3",
        "https://localhost/plain/tone.mp3",
        "https://localhost.:{port}/plain/tone.mp3",
        "https://localhost:{port}@elsewhere.example/",
        "file:///etc/passwd",
        "https://",
        "",
        "https://local\nhost/",
        "https://localhost:99999999/",
        "https://xn--a/",
    ],
)
def test_an_address_elsewhere_is_never_asked(server: PreviewServer, tmp_path: Path, address: str) -> None:
    result = download(address.replace("{port}", str(server.port)), tmp_path, server.hosts, trusted=server.trusted)
    assert isinstance(result, DownloadFailure)
    assert result.kind == "refused"
    assert "password" not in result.reason
    assert server.seen == []


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("https://dzcdn.net/x", False),
        ("https://cdn.dzcdn.net/x", True),
        ("https://CDN.DZCDN.NET:443/x", True),
        ("https://cdn.dzcdn.net:8443/x", False),
        ("https://evildzcdn.net/x", False),
        ("https://cdn.dzcdn.net.evil.example/x", False),
        ("https://p.scdn.co/x", True),
        ("https://a.p.scdn.co/x", False),
        ("https://10.0.0.1/x", False),
        ("https://10.0.0.2:8443/x", True),
        ("https://[::1]/x", False),
        ("http://p.scdn.co/x", False),
        ("https://p.scdn.co:0/x", False),
        ("https://xn--a.dzcdn.net/x", True),
        ("https://ä.dzcdn.net/x", True),
        ("https://.dzcdn.net/x", False),
        ("https://a..dzcdn.net/x", False),
        ("https://a b.dzcdn.net/x", False),
        ("https://a%2f.dzcdn.net/x", False),
        ("https://" + "a" * 64 + ".dzcdn.net/x", False),
        ("https://" + "a." * 150 + "dzcdn.net/x", False),
    ],
)
def test_hosts_are_compared_whole(address: str, allowed: bool) -> None:
    hosts = (".dzcdn.net", "p.scdn.co", ".0.0.1", "10.0.0.2:8443", ".1")
    assert is_allowed(httpx.URL(address), hosts) is allowed


@given(st.text())
def test_no_text_is_an_allowed_address_by_accident(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    result = download(text, tmp_path_factory.getbasetemp(), ("p.scdn.co",))
    assert isinstance(result, DownloadFailure)
    assert result.kind == "refused"


def test_no_address_is_logged(server: PreviewServer, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        fetch(server, server.sign("tone.mp3"), tmp_path / "one")
        fetch(server, f"redirect/elsewhere?{SIGNATURE}", tmp_path / "two")
        fetch(server, "redirect/here", tmp_path / "three")
    assert any(record.name == "httpx" and "localhost" in record.getMessage() for record in caplog.records)
    assert any(record.name.startswith("httpcore") for record in caplog.records)
    assert SIGNATURE not in caplog.text
