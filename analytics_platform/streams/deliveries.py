"""From the inbox to ``lake/raw``: every file kept once, as received, under the hash of its bytes.

``raw/<vendor>/<ingest date or "undated">/<sha256>`` holds the bytes, ``<sha256>.json`` beside it
what we know of them. Where a file says all there is on its day, the hash is that of slot and bytes.
Both are written under another name and renamed. The inbox copy stays until the tables are committed
(``clear``), so a run that dies leaves its work to be found again.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import stat
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

from analytics_platform.streams.contract import Resource
from analytics_platform.streams.feeds import RESOURCES

UNDATED = "undated"
UNFINISHED = (".part", ".tmp", ".partial", ".crdownload", ".filepart")


@dataclass(frozen=True, slots=True)
class InboxFile:
    """A file found in the inbox. ``problem`` says why it can't be taken, if so."""

    name: str
    """Path below the inbox, with ``/``."""
    size_bytes: int
    modified_at: float
    vendor: str | None = None
    day: date | None = None
    """The vendor's day; None for an undated data set."""
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """A recorded delivery: the content of its JSON file."""

    delivery_id: str
    vendor: str
    licensor: str
    resource: str
    slot: str
    revision: int
    ingest_date: date
    is_undated: bool
    file_name: str
    size_bytes: int
    received_at: datetime
    erased_rows: int = 0


def find_resource(name: str) -> tuple[Resource, Mapping[str, str]] | None:
    """The feed's resource for a path below the inbox, with what the path says."""
    for resource in RESOURCES:
        if match := resource.match(name):
            return resource, {key: value for key, value in match.groupdict().items() if value}
    return None


def list_inbox(inbox: Path) -> list[InboxFile]:
    """All files below the inbox, by name, each with its feed or its problem.

    Hidden and unfinished files are left out. Links and special files are never followed.

    Raises:
        OSError: the inbox itself can't be listed; that is not the same as an empty one.
    """
    if not inbox.exists():
        return []
    return sorted(_walk(inbox, inbox), key=lambda file: file.name)


def _walk(inbox: Path, folder: Path) -> Iterator[InboxFile]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or entry.name.lower().endswith(UNFINISHED):
                continue
            path = Path(entry.path)
            name = path.relative_to(inbox).as_posix()
            try:
                info = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue  # renamed or removed while we look
            if not _is_printable(name):
                # No table and no log could hold it.
                shown = name.encode("utf-8", "backslashreplace").decode().encode("unicode_escape").decode()
                yield InboxFile(shown, 0, info.st_mtime, problem="has control characters or no UTF-8 in its name")
            elif stat.S_ISDIR(info.st_mode):
                try:
                    yield from _walk(inbox, path)
                except PermissionError:
                    yield InboxFile(name, 0, info.st_mtime, problem="can't be listed: permission denied")
            elif stat.S_ISREG(info.st_mode):
                yield _describe(path, name, info)
            else:
                kind = "a symbolic link" if stat.S_ISLNK(info.st_mode) else "no regular file"
                yield InboxFile(name, 0, info.st_mtime, problem=f"is {kind}: not followed")


def _describe(path: Path, name: str, info: os.stat_result) -> InboxFile:
    found = find_resource(name)
    if found is None:
        return InboxFile(name, info.st_size, info.st_mtime, problem="matches no feed: see docs/feeds.md for file names")
    if not os.access(path, os.R_OK, effective_ids=os.access in os.supports_effective_ids):
        return InboxFile(name, info.st_size, info.st_mtime, problem="can't be read: permission denied")
    resource, groups = found
    try:
        day = None if resource.is_undated else _day(groups.get("date")) or datetime.now(UTC).date()
    except ValueError:
        return InboxFile(name, info.st_size, info.st_mtime, problem=f"{groups['date']} in its name is no date")
    if day is not None and day > datetime.now(UTC).date():
        return InboxFile(name, info.st_size, info.st_mtime, problem=f"its day {day} is in the future")
    return InboxFile(name, info.st_size, info.st_mtime, resource.vendor, day)


def _is_printable(name: str) -> bool:
    return all(character.isprintable() for character in name)


def _is_inside(name: str) -> bool:
    """Whether a path stays below the inbox."""
    return not name.startswith("/") and ".." not in name.split("/")


def _day(text: str | None) -> date | None:
    return None if text is None else datetime.strptime(text.replace("/", "").replace("-", ""), "%Y%m%d").date()


class RawStore:
    """The recorded deliveries below ``lake/raw``."""

    def __init__(self, lake_root: Path) -> None:
        self.root = lake_root / "raw"
        self._locks = lake_root / "locks"

    @contextmanager
    def lock(self, name: str) -> Generator[None]:
        """One process at a time, for a name; a killed holder lets go."""
        self._locks.mkdir(parents=True, exist_ok=True)
        with (self._locks / name).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def path(self, record: Record) -> Path:
        """Where the bytes of a delivery lie."""
        folder = UNDATED if record.is_undated else str(record.ingest_date)
        return self.root / record.vendor / folder / record.delivery_id

    def records(self, vendor: str | None = None, day: date | str | None = None) -> list[Record]:
        """Recorded deliveries, of a vendor and of a day (or ``"undated"``) if given, by slot and revision."""
        found = [_load(path) for path in self.root.glob(f"{vendor or '*'}/{day or '*'}/*.json")]
        return sorted(found, key=lambda r: (r.vendor, r.slot, r.revision))

    def vendors(self) -> list[str]:
        """Vendors that anything was received from."""
        return sorted(p.name for p in self.root.iterdir() if p.is_dir()) if self.root.exists() else []

    def save(self, record: Record) -> None:
        """Write a delivery's JSON file, atomically."""
        target = self.path(record).with_suffix(".json")
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, json.dumps(asdict(record), default=str, indent=1).encode())

    def receive(self, inbox: Path, files: Iterable[InboxFile]) -> list[Record]:
        """Copy files from the inbox to the store. Returns the new (or revived) records.

        A file whose bytes are recorded already changes nothing, unless a later revision has
        replaced it: then the vendor has gone back, and it becomes the newest.
        """
        changed: list[Record] = []
        with self.lock("receive"):
            for left_over in [*self.root.glob(".receiving-*"), *self.root.glob("*/*/.*.json.*")]:
                left_over.unlink()  # of a killed process: we hold the lock
            known = {path.stem: path for path in self.root.glob("*/*/*.json")}
            listed: dict[str, bool] = {}
            for file in sorted(files, key=lambda f: f.name):
                found = find_resource(file.name)
                source = inbox / file.name
                if found is None or file.problem or not _is_inside(file.name):
                    continue
                if source.is_symlink() or not source.is_file():
                    continue
                digest, is_new = self._store(source, file, *found, known=known)
                listed[digest] = is_new
            for digest, is_new in listed.items():
                record = _load(known[digest])
                if is_new:
                    changed.append(record)
                elif revived := self._revive(record, listed.keys()):
                    changed.append(revived)
        return changed

    def clear(self, inbox: Path, files: Iterable[InboxFile]) -> int:
        """Remove recorded files from the inbox, once their rows are committed. Returns how many.

        A file that has changed since it was listed stays: it is another delivery.
        """
        cleared = 0
        for file in files:
            path = inbox / file.name
            if not _is_inside(file.name):
                continue
            try:
                info = path.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if not file.problem and (info.st_size, info.st_mtime) == (file.size_bytes, file.modified_at):
                path.unlink()
                cleared += 1
        return cleared

    def _store(
        self, source: Path, file: InboxFile, resource: Resource, groups: Mapping[str, str], known: dict[str, Path]
    ) -> tuple[str, bool]:
        """Record a file unless its bytes are known; gives their hash, and whether they are new."""
        temporary = self.root / f".receiving-{os.getpid()}"
        temporary.parent.mkdir(parents=True, exist_ok=True)
        try:
            digest, size = _copy(source, temporary)
            ingest_date = file.day or datetime.now(UTC).date()
            parts = [value for key, value in sorted(groups.items()) if key not in ("date", "licensor")]
            licensor = groups.get("licensor", "-")
            dated = [] if resource.is_undated else [str(ingest_date)]
            slot = "/".join([resource.vendor, licensor, resource.name, *dated, *parts])
            if resource.is_statement:
                digest = hashlib.sha256(f"{slot} {digest}".encode()).hexdigest()
            if digest in known:
                return digest, False
            record = Record(
                digest, resource.vendor, licensor, resource.name, slot, 1, ingest_date, resource.is_undated,
                file.name, size, datetime.now(UTC).replace(tzinfo=None),
            )  # fmt: skip
            record = replace(record, revision=self._last_revision(record) + 1)
            target = self.path(record)
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary.replace(target)
            self.save(record)
            known[digest] = target.with_suffix(".json")
            return digest, True
        finally:
            temporary.unlink(missing_ok=True)

    def _of_slot(self, record: Record) -> list[Record]:
        folder = UNDATED if record.is_undated else record.ingest_date
        return [r for r in self.records(record.vendor, folder) if r.slot == record.slot]

    def _last_revision(self, record: Record) -> int:
        return max((r.revision for r in self._of_slot(record)), default=0)

    def _revive(self, record: Record, listed: Collection[str]) -> Record | None:
        """Make a replaced file the newest of its slot, unless what replaced it lies in the inbox too.

        Then nobody has gone back: the same files are listed once more, as after a kill.
        """
        later = [r for r in self._of_slot(record) if r.revision > record.revision]
        if not later or any(r.delivery_id in listed for r in later):
            return None
        revived = replace(record, revision=max(r.revision for r in later) + 1)
        self.save(revived)
        return revived


def revisions(records: Sequence[Record]) -> dict[str, list[Record]]:
    """The records of each slot, the newest revision first."""
    by_slot: dict[str, list[Record]] = {}
    for record in sorted(records, key=lambda r: -r.revision):
        by_slot.setdefault(record.slot, []).append(record)
    return by_slot


def write_atomically(target: Path, content: bytes) -> None:
    """Write a file under another name, force it to disk, rename it into place."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _copy(source: Path, target: Path) -> tuple[str, int]:
    digest = hashlib.sha256()
    size = 0
    handle = os.open(source, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(handle, "rb") as read, target.open("wb") as write:
        while chunk := read.read(1 << 20):
            digest.update(chunk)
            size += len(chunk)
            write.write(chunk)
        write.flush()
        os.fsync(write.fileno())
    return digest.hexdigest(), size


def _load(path: Path) -> Record:
    fields = json.loads(path.read_text())
    fields["ingest_date"] = date.fromisoformat(fields["ingest_date"])
    fields["received_at"] = datetime.fromisoformat(fields["received_at"])
    return Record(**fields)
