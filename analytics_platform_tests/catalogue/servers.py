"""What the stand-in servers share: one thread per connection on a free port of the loopback."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    # Or every answer waits 40 ms for the other side to confirm its header.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        try:
            self.server.respond(self)
        except OSError:
            self.close_connection = True

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    respond: Callable[[Handler], None]
    tls: ssl.SSLContext | None = None

    def finish_request(self, request, client_address) -> None:
        # The handshake belongs to the connection's own thread, not to the one that accepts.
        if self.tls:
            request = self.tls.wrap_socket(request, server_side=True)
        super().finish_request(request, client_address)
        request.close()

    def handle_error(self, request, client_address) -> None:
        pass


@contextmanager
def serving(respond: Callable[[Handler], None], tls: ssl.SSLContext | None = None) -> Generator[int]:
    """Serve on 127.0.0.1; gives the port."""
    server = _Server(("127.0.0.1", 0), Handler)
    server.respond, server.tls = respond, tls
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
