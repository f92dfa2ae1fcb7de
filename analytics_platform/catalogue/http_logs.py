"""Keeps addresses out of the logs of httpx: a preview's address holds the signature that opens it."""

from __future__ import annotations

import logging
import re

_LOGGERS = ("httpx", *(f"httpcore.{part}" for part in ("connection", "http11", "http2", "proxy", "socks")))
_ADDRESS = re.compile(r"(https?://)(?:[^/?#\s'\"@]*@)?([^/?#\s'\"]*)[/?#][^\s'\"]*")
_LOCATION = re.compile(r"(b?['\"]location['\"], ?)b?['\"][^'\"]*['\"]", re.IGNORECASE)


class _HostOnly(logging.Filter):
    """Cuts every address in a record down to its host."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = _LOCATION.sub(r"\1'…'", _ADDRESS.sub(r"\1\2/…", record.getMessage()))
        record.msg, record.args = message, None
        return True


_FILTER = _HostOnly()


def redact_http_logs() -> None:
    """Let httpx log hosts only, in this process from now on. Calling it again changes nothing."""
    for name in _LOGGERS:
        # The same filter is added once only. Filters of a parent do not see the records of its children.
        logging.getLogger(name).addFilter(_FILTER)
