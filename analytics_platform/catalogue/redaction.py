"""Secrets kept out of logs and errors: spotipy and urllib3 write tokens and the client secret at DEBUG."""

from __future__ import annotations

import logging
import re

LOGGERS = (
    "spotipy.client",
    "spotipy.oauth2",
    "spotipy.util",
    "spotipy.cache_handler",
    "urllib3.connection",
    "urllib3.connectionpool",
    "urllib3.poolmanager",
    "urllib3.response",
    "urllib3.util.retry",
    "requests",
    "requests.sessions",
)
"""A filter of a logger sees only what is logged to that very logger, not to those below it."""
HIDDEN = "[hidden]"
_CREDENTIALS = re.compile(r"(?i)\b(bearer|basic)(\s+|%20|\+)(?!\[hidden\])[\w.~+/=-]+")
_FIELDS = re.compile(r"(?i)([\"']?(?:access_token|refresh_token|client_secret)[\"']?\s*[:=]\s*[\"']?)[^\s\"'&,}]+")


class Redaction(logging.Filter):
    """Hides the given secrets, and whatever looks like a token or a Basic header, in every record it sees."""

    def __init__(self) -> None:
        super().__init__()
        self._secrets: set[str] = set()

    def hide(self, secret: str) -> None:
        """Hide this text from now on."""
        if secret:
            self._secrets.add(secret)

    def redact(self, text: str) -> str:
        """The text without secrets."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
        return _FIELDS.sub(rf"\1{HIDDEN}", _CREDENTIALS.sub(rf"\1 {HIDDEN}", text))

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record, arguments and traceback included; none is dropped."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError):
            message = str(record.msg)
        record.msg, record.args = self.redact(message), ()
        if record.exc_info:
            record.exc_text = self.redact(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        if record.name == "spotipy.client" and record.levelno == logging.ERROR:
            # Every 404 is an error to spotipy; to us it is an answer.
            record.levelno, record.levelname = logging.DEBUG, "DEBUG"
        return True

    def install(self) -> None:
        """Put the filter on the loggers of the libraries that see the secrets."""
        for name in LOGGERS:
            logger = logging.getLogger(name)
            if self not in logger.filters:
                logger.addFilter(self)

    def remove(self) -> None:
        """Take the filter off again."""
        for name in LOGGERS:
            logging.getLogger(name).removeFilter(self)
