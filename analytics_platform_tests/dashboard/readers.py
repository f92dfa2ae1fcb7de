"""Readers without a browser: they speak to the page's server as its client in the browser does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from urllib.parse import urlencode

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.util import calc_hash
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from analytics_platform.dashboard.navigation import FIRST

PATIENCE_S = 60
AS_OF = re.compile(r"Data as of \*\*(\d+ \w+ \d+)\*\*")


@dataclass
class Seen:
    """What a page said."""

    heading: str = ""
    texts: list[str] = field(default_factory=list)

    def as_of(self) -> date | None:
        """The last day of data, as the foot of the page says it; None on a page without."""
        for text in self.texts:
            found = AS_OF.search(text)
            if found:
                return datetime.strptime(found.group(1), "%d %b %Y").date()
        return None


class Reader:
    """One open tab. To open another one instead is what a reload is."""

    def __init__(self, socket: ClientConnection) -> None:
        """Speak over ``socket``."""
        self._socket = socket

    def open(self, name: str, **params: str) -> Seen:
        """Go to a page and wait until all of it has come.

        Raises:
            TimeoutError: it did not come.
        """
        message = BackMsg()
        message.rerun_script.query_string = urlencode(params)
        message.rerun_script.page_script_hash = calc_hash("" if name == FIRST else name)
        self._socket.send(message.SerializeToString())
        seen = Seen()
        while True:
            data = self._socket.recv(timeout=PATIENCE_S)
            answer = ForwardMsg.FromString(data if isinstance(data, bytes) else data.encode())
            kind = answer.WhichOneof("type")
            if kind == "new_session":
                # The first run of a session, before it knew the page, does not count.
                seen = Seen()
            elif kind == "delta" and answer.delta.WhichOneof("type") == "new_element":
                element = answer.delta.new_element
                match element.WhichOneof("type"):
                    case "heading":
                        seen.heading = seen.heading or element.heading.body
                    case "markdown":
                        seen.texts.append(element.markdown.body)
                    case "alert":
                        seen.texts.append(element.alert.body)
                    case _:
                        pass
            elif kind == "script_finished" and seen.heading:
                return seen


@contextmanager
def reading(url: str) -> Iterator[Reader]:
    """A reader who has just opened a tab."""
    address = url.replace("http", "ws") + "/_stcore/stream"
    # A browser's client sends no pings of its own: a server that is busy for long is waited for.
    with connect(
        address, origin=Origin(url), subprotocols=[Subprotocol("streamlit")], max_size=None, ping_interval=None
    ) as socket:
        yield Reader(socket)
