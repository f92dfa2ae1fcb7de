"""A host of previews over TLS: good files behind signed addresses that expire, and all the bad ways to answer."""

from __future__ import annotations

import gzip
import ssl
import threading
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import trustme

from analytics_platform_tests.catalogue.servers import Handler, serving

SIGNATURE = "hmac-5e1f-secret"
BLOCK = bytes(65536)


class PreviewServer:
    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.seen: list[str] = []
        self.sent = Counter[str]()
        self.generation = 0
        self.failures_left = 2
        self.accepts_encoding: str | None = None
        self.stopped = threading.Event()
        self.port = 0
        self.trusted: ssl.SSLContext
        self.authority: bytes
        """Certificate to trust, PEM."""

    def url(self, path: str) -> str:
        return f"https://localhost:{self.port}/{path}"

    def sign(self, name: str) -> str:
        """Address of a file, good until ``expire``."""
        return self.url(f"signed/{name}?hdnea=exp={self.generation}~{SIGNATURE}")

    def expire(self) -> None:
        self.generation += 1

    @property
    def hosts(self) -> tuple[str, ...]:
        return (f"localhost:{self.port}",)

    def respond(self, handler: Handler) -> None:
        parts = urlsplit(handler.path)
        self.seen.append(parts.path)
        self.accepts_encoding = handler.headers["Accept-Encoding"]
        kind, _, name = parts.path.strip("/").partition("/")
        body = self.files.get(name, b"")
        match kind:
            case "signed":
                good = parse_qs(parts.query)["hdnea"] == [f"exp={self.generation}~{SIGNATURE}"]
                handler.answer(200 if good else 403, body if good else b"<html>expired</html>")
            case "plain":
                handler.answer(200, body)
            case "status":
                handler.answer(int(name), b"<html>no</html>")
            case "redirect":
                target = {
                    "loopback": f"https://127.0.0.1:{self.port}/plain/tone.mp3?{SIGNATURE}",
                    "elsewhere": f"https://elsewhere.example/x.mp3?{SIGNATURE}",
                    "here": f"/plain/tone.mp3?{SIGNATURE}",
                }[name]
                handler.answer(302, b"", Location=target)
            case "flaky":
                self.failures_left -= 1
                handler.answer(200 if self.failures_left < 0 else 503, body if self.failures_left < 0 else b"later")
            case "endless" | "understated":
                handler.send_response(200)
                if kind == "understated":
                    handler.send_header("Content-Length", str(10 * 2**30))
                handler.send_header("Connection", "close")
                handler.end_headers()
                handler.wfile.write(body)
                while not self.stopped.is_set() and self.sent[kind] < 10 * 2**30:
                    handler.wfile.write(BLOCK)
                    self.sent[kind] += len(BLOCK)
            case "hang":
                self.stopped.wait()
            case "drip":
                handler.send_response(200)
                handler.send_header("Content-Length", str(len(body)))
                handler.end_headers()
                self._drip(handler, body)
            case "drip-headers":
                self._drip(handler, b"HTTP/1.1 200 OK\r\n" + b"X-Slow: yes\r\n" * 1000)
            case "truncated":
                handler.answer(200, body[: len(body) // 2], Content_Length=str(len(body)))
                handler.close_connection = True
            case "dropped":
                handler.close_connection = True
            case "short":
                handler.answer(200, body, Content_Length=str(len(body) - 100))
                handler.close_connection = True
            case "bomb":
                handler.answer(200, gzip.compress(bytes(50 * 2**20), 1), Content_Encoding="gzip")
            case "headers":
                handler.answer(200, body, X_Large="x" * 10_000_000)

    def _drip(self, handler: Handler, body: bytes) -> None:
        for byte in body:
            handler.wfile.write(bytes([byte]))
            if self.stopped.wait(0.05):
                return


@contextmanager
def preview_server(files: dict[str, bytes]) -> Generator[PreviewServer]:
    """Serve ``files`` by name on ``localhost``."""
    server = PreviewServer(files)
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    server.authority = authority.cert_pem.bytes()
    server.trusted = ssl.create_default_context()
    authority.configure_trust(server.trusted)
    with serving(server.respond, tls) as server.port:
        try:
            yield server
        finally:
            server.stopped.set()
