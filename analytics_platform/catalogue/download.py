"""Fetches one preview into the store of clips, whatever the host at the other end does.

Only https to hosts that are listed; no redirect is followed; size and time are bounded from outside, whatever
the headers say. A file is stored under the hash of its content. No address appears in a reason or a log.
"""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from analytics_platform.catalogue.clips import START_BYTES, codec_of, read_codec
from analytics_platform.catalogue.http_logs import redact_http_logs
from analytics_platform.lakehouse.lake import sync_to_disk

if TYPE_CHECKING:
    import ssl

    import httpx

PREVIEW_HOSTS: Mapping[str, tuple[str, ...]] = {
    "deezer": (".dzcdn.net",),
    "itunes": (".itunes.apple.com", ".mzstatic.com"),
    "spotify": ("p.scdn.co",),
}
"""Hosts of each source's previews: a host as it is, or with a leading dot everything below it."""

MAX_PREVIEW_BYTES = 8 * 2**20
"""A preview of 30 s has 0.5 MB (mp3, 128 kbit/s) to 1.2 MB (AAC, 256 kbit/s and cover art)."""
DEADLINE_S = 60.0
TRIES = 3
BACKOFF_S = 0.5

_PART = ".part-"
_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*|[0-9a-f:.]*:[0-9a-f:.]*")

FailureKind = Literal[
    "refused", "redirected", "forbidden", "absent", "throttled", "too large", "encoded", "not audio",
    "timed out", "unreachable", "server error", "unexpected status",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A preview in the store."""

    location: str
    """Path below the root of the store."""
    codec: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class DownloadFailure:
    """Why there is no file."""

    kind: FailureKind
    reason: str
    """In words; names the host at most."""
    status: int | None = None


@dataclass(frozen=True, slots=True)
class _Retry:
    """A failure that may pass."""

    failure: DownloadFailure


def host_of(url: httpx.URL) -> str | None:
    """The host as it is asked for in the network; None if it is no name and no number that a host can have."""
    name = url.raw_host.decode("ascii", "replace")
    return name if len(name) <= 253 and _HOST.fullmatch(name) else None


def is_allowed(url: httpx.URL, hosts: Iterable[str]) -> bool:
    """True for an https address on one of the hosts.

    Args:
        url: the address, as it will be asked for.
        hosts: ``host``, ``.domain`` (everything below it), either with ``:port`` if that is not 443. An address
            in numbers is allowed only as it is listed.
    """
    name = host_of(url)
    if url.scheme != "https" or url.userinfo or not name:
        return False
    try:
        ipaddress.ip_address(name)
        in_numbers = True
    except ValueError:
        in_numbers = False
    for entry in hosts:
        host, _, port = entry.rpartition(":") if entry.rpartition(":")[2].isdigit() else (entry, "", "443")
        if (443 if url.port is None else url.port) != int(port):
            continue
        if name == host or (host.startswith(".") and not in_numbers and name.endswith(host)):
            return True
    return False


def download(
    address: str,
    root: Path,
    hosts: Iterable[str],
    *,
    max_bytes: int = MAX_PREVIEW_BYTES,
    deadline_s: float = DEADLINE_S,
    trusted: ssl.SSLContext | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Downloaded | DownloadFailure:
    """Fetch one preview into ``<root>/<first 2 hex digits>/<sha256>.<codec>``.

    Tried up to ``TRIES`` times, if the connection fails or the server has an error (5xx). The same content
    twice is one file; a run that dies leaves at most a file for ``clear_parts``. Not to be called from a coroutine.

    Args:
        address: of the preview, with its signature.
        root: folder of the store.
        hosts: where it may lie, as for ``is_allowed``.
        max_bytes: larger files are cut off and thrown away.
        deadline_s: seconds that all tries may take together.
        trusted: certificates to trust; the public ones if None.
        sleep: waits between tries.

    Raises:
        OSError: the store can't be written.
    """
    import httpx

    redact_http_logs()
    try:
        url = httpx.URL(address)
    except (httpx.InvalidURL, ValueError, TypeError):
        return DownloadFailure("refused", "not an address")
    host = host_of(url)
    if not host or not is_allowed(url, hosts):
        return DownloadFailure("refused", f"the host {host or 'of the address'} is not one that previews may come from")
    end = time.monotonic() + deadline_s
    last = _timed_out(host)
    for attempt in range(TRIES):
        if attempt:
            sleep(max(0.0, min(BACKOFF_S * 2 ** (attempt - 1), end - time.monotonic())))
        if (left := end - time.monotonic()) <= 0:
            return last
        root.mkdir(parents=True, exist_ok=True)
        part = root / f"{_PART}{secrets.token_hex(8)}"
        try:
            with part.open("x+b") as file:
                outcome = asyncio.run(_fetch(url, host, file, max_bytes, left, trusted))
            if isinstance(outcome, _Retry):
                last = outcome.failure
                continue
            return outcome if isinstance(outcome, DownloadFailure) else _keep(part, outcome, root)
        finally:
            part.unlink(missing_ok=True)
    return last


def clear_parts(root: Path) -> None:
    """Delete what killed runs have left in the store; not while another run downloads into it."""
    for left in root.glob(f"{_PART}*"):
        left.unlink(missing_ok=True)


def _timed_out(host: str) -> DownloadFailure:
    return DownloadFailure("timed out", f"{host} took too long")


async def _fetch(
    url: httpx.URL, host: str, file: BinaryIO, max_bytes: int, left_s: float, trusted: ssl.SSLContext | None
) -> Downloaded | DownloadFailure | _Retry:
    """One try. The event loop cuts off what httpx's own limits, which count from the last byte, let pass."""
    import httpx

    try:
        async with (
            asyncio.timeout(left_s),
            httpx.AsyncClient(
                verify=trusted or True,
                follow_redirects=False,
                timeout=httpx.Timeout(min(20.0, left_s)),
                headers={"accept-encoding": "identity", "accept": "audio/*"},
            ) as client,
            client.stream("GET", url) as response,
        ):
            if failure := _status_failure(response, max_bytes, host):
                return failure
            return await _receive(response, file, max_bytes, host)
    except httpx.ConnectTimeout:
        return _Retry(_timed_out(host))
    except (TimeoutError, httpx.TimeoutException):
        return _timed_out(host)
    except httpx.TransportError as error:
        # Its message may hold what the server sent.
        return _Retry(DownloadFailure("unreachable", f"the connection to {host} failed: {type(error).__name__}"))


def _status_failure(response: httpx.Response, max_bytes: int, host: str) -> DownloadFailure | _Retry | None:
    """What speaks against reading the body."""
    status = response.status_code
    encoding = response.headers.get("content-encoding", "identity").strip().casefold()
    length = response.headers.get("content-length", "")
    if status >= 500:
        return _Retry(DownloadFailure("server error", f"{host} answered {status}", status))
    if 300 <= status < 400:
        return DownloadFailure("redirected", f"{host} answered {status}; redirects are not followed", status)
    if status in {401, 403}:
        return DownloadFailure("forbidden", f"{host} answered {status}; the address may have expired", status)
    if status in {404, 410}:
        return DownloadFailure("absent", f"{host} answered {status}", status)
    if status == 429:
        return DownloadFailure("throttled", f"{host} answered {status}", status)
    if status != 200:
        return DownloadFailure("unexpected status", f"{host} answered {status}", status)
    if encoding not in {"", "identity"}:
        return DownloadFailure("encoded", f"{host} sent a packed body, which was not asked for", status)
    if length.isdigit() and int(length[:20]) > max_bytes:
        return DownloadFailure("too large", f"{host} announced more than {max_bytes} bytes", status)
    return None


async def _receive(response: httpx.Response, file: BinaryIO, max_bytes: int, host: str) -> Downloaded | DownloadFailure:
    """Write the body to ``file``, bounded, and look at it."""
    digest, size, start = hashlib.sha256(), 0, b""
    async for chunk in response.aiter_raw():
        size += len(chunk)
        if size > max_bytes:
            return DownloadFailure("too large", f"{host} sent more than {max_bytes} bytes", 200)
        if len(start) < START_BYTES:
            start = (start + chunk)[:START_BYTES]
            if len(start) == START_BYTES and codec_of(start) is None:
                break
        digest.update(chunk)
        file.write(chunk)
    if codec_of(start) is None:
        return DownloadFailure(
            "not audio", f"{host} sent something that is no audio" if size else f"{host} sent nothing", 200
        )
    codec = read_codec(file)
    return Downloaded("", codec or "", size, digest.hexdigest())


def _keep(part: Path, found: Downloaded, root: Path) -> Downloaded:
    """Move a whole file to its place; a reader sees all of it or nothing."""
    location = f"{found.sha256[:2]}/{found.sha256}.{found.codec}"
    target = root / location
    target.parent.mkdir(exist_ok=True)
    sync_to_disk(part)
    part.replace(target)
    sync_to_disk(target.parent)
    return Downloaded(location, found.codec, found.size_bytes, found.sha256)
