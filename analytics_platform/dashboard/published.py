"""The published file: which one is live, and answers from it.

A publication replaces the link ``analytics.duckdb`` in one step and the file it points to never changes. So a
connection is kept for as long as its file is the live one: opening the file costs 40 ms with the views of a whole
platform in it, a query 3 ms.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

if TYPE_CHECKING:
    import polars as pl

MEMORY_LIMIT = "48MB"
"""For DuckDB's buffers; larger sorts go to disk."""
TRIES = 3


class NotPublishedError(RuntimeError):
    """There is no published file yet."""


class RefreshingError(RuntimeError):
    """The published file can't be read just now."""


class OlderFileError(RuntimeError):
    """The file was published by another version of the platform: a table or column is not in it."""


@dataclass(frozen=True, slots=True)
class Publication:
    """One published file: where it is, and what tells it from the one before."""

    file: Path
    modified_ns: int
    inode: int


def live(database: Path) -> Publication:
    """The file that ``database`` leads to now.

    Raises:
        NotPublishedError: nothing has been published.
    """
    for _ in range(TRIES):
        try:
            file = database.resolve(strict=True)
            facts = file.stat()
        except FileNotFoundError:
            # The link may just have been replaced and its old target removed.
            continue
        return Publication(file, facts.st_mtime_ns, facts.st_ino)
    raise NotPublishedError(str(database))


class Reader:
    """Answers from one publication; threads may ask at once."""

    def __init__(self, publication: Publication) -> None:
        """Open the file.

        Raises:
            RefreshingError: it is locked, or is no DuckDB file.
        """
        try:
            self._connection = duckdb.connect(str(publication.file), read_only=True)
            self._connection.execute(
                f"set memory_limit = '{MEMORY_LIMIT}'; set threads = 2; set autoinstall_known_extensions = false;"
                "set allocator_flush_threshold = '4MB'; set allocator_bulk_deallocation_flush_threshold = '4MB'"
            )
        except duckdb.Error as error:
            raise RefreshingError(str(error)) from error
        self._lock = threading.Lock()

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pl.DataFrame:
        """The answer to one query, whose ``$names`` are in ``parameters``.

        Raises:
            OlderFileError: a table or column is not in the file.
            RefreshingError: the file or a file behind a view can't be read.
        """
        with self._lock:
            cursor = self._connection.cursor()
        try:
            used = {name: value for name, value in (parameters or {}).items() if f"${name}" in sql}
            return cursor.sql(sql, params=used or None).pl()
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            raise OlderFileError(str(error)) from error
        except (duckdb.IOException, duckdb.ConnectionException) as error:
            raise RefreshingError(str(error)) from error
        finally:
            cursor.close()
