"""Dagster's SQLite storage, with its event log's files kept open.

Dagster opens and closes an event log's file for each event, which takes three times as long as storing it. A run over
days stores an event for each table and day before its first step, and one after it: for a year some 10,000.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import (
    DagsterSqliteStorage,
    _event_logs_directory,  # pyright: ignore[reportPrivateUsage]
)
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.pool import QueuePool

if TYPE_CHECKING:
    from dagster import EventLogEntry
    from dagster._serdes import ConfigurableClassData

MOST_OPEN = 16
"""Files kept open: the index of all runs, and the runs last written or read."""


class OpenEventLog(SqliteEventLogStorage):
    """Dagster's event log, a SQLite file for each run and one for all. The files are those of its own class.

    All threads use one connection to a file in turn, as Dagster's lock has it anyway.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        super().__init__(base_dir, inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Generator[Connection]:
        with self._db_lock:
            engine = self._engines.pop(shard, None) or self._open(shard)
            self._engines[shard] = engine
            while len(self._engines) > MOST_OPEN:
                self._engines.popitem(last=False)[1].dispose()
            with engine.begin() as connection:
                yield connection

    def _open(self, shard: str) -> Engine:
        engine = create_engine(
            self.conn_string_for_shard(shard),
            poolclass=QueuePool,
            connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        )
        if shard not in self._initialized_dbs:
            self._initdb(engine)
            self._initialized_dbs.add(shard)
        return engine

    def _close(self) -> None:
        with self._db_lock:
            while self._engines:
                self._engines.popitem()[1].dispose()

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event and tell those who watch its run, as Dagster's run page does."""
        super().store_event(event)
        # They wait for a change of the run's file. While it is open, SQLite writes to the one beside it.
        os.utime(self.path_for_shard(event.run_id))

    def wipe(self) -> None:
        """Delete all events and the files of runs."""
        self._close()
        super().wipe()

    def dispose(self) -> None:
        """Stop watching, and close the files."""
        super().dispose()
        self._close()


class SqliteStorage(DagsterSqliteStorage):
    """Dagster's SQLite storage of runs, events and schedules, below one folder, with that event log."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(base_dir, inst_data)
        self._event_log_storage = OpenEventLog(_event_logs_directory(base_dir))

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Any) -> SqliteStorage:
        """What Dagster calls with the ``config`` of ``dagster.yaml``."""
        return cls.from_local(inst_data=inst_data, **config_value)
