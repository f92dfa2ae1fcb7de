"""The raw store: every file once, as received, whoever is killed or comes at the same time."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from analytics_platform.streams.deliveries import RawStore
from analytics_platform_tests.streams.world import DAY, FUGA, SPOTIFY, Home, fuga, gz, ndjson, stream, trend

ROOT = Path(__file__).parents[2]
RECEIVE = """
import sys
from pathlib import Path
from analytics_platform.streams.deliveries import RawStore, list_inbox
home = Path(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
files = list_inbox(home / "inbox")
print(len(RawStore(home / "lake").receive(home / "inbox", files)))
"""


def start_receiver(home: Home) -> subprocess.Popen[str]:
    receiver = subprocess.Popen(
        [sys.executable, "-c", RECEIVE, str(home.settings.home)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert receiver.stdout is not None and receiver.stdout.readline() == "ready\n"
    return receiver


def raw_files(home: Home) -> list[str]:
    return sorted(str(p.relative_to(home.store.root)) for p in home.store.root.rglob("*") if p.is_file())


def test_a_file_is_kept_as_received_under_the_hash_of_its_bytes(home: Home) -> None:
    content = gz(ndjson([stream(1)]))
    home.deliver(SPOTIFY, content)
    digest = hashlib.sha256(content).hexdigest()
    assert raw_files(home) == [f"spotify/2026-03-16/{digest}", f"spotify/2026-03-16/{digest}.json"]
    (record,) = home.store.records("spotify", DAY)
    assert home.store.path(record).read_bytes() == content
    assert (record.delivery_id, record.licensor, record.resource, record.file_name, record.size_bytes) == (
        digest, "acme", "streams", SPOTIFY, len(content),
    )  # fmt: skip
    assert record.slot == "spotify/acme/streams/2026-03-16/streams/DE" and record.revision == 1


def test_a_data_set_without_days_has_a_folder_of_its_own(home: Home) -> None:
    home.deliver("user_artists.dat", b"userID\tartistID\tweight\n1\t2\t3\n")
    assert all(name.startswith("lastfm_hetrec2011/undated/") for name in raw_files(home))


def test_left_overs_of_a_killed_process_are_swept_and_counted_nowhere(home: Home) -> None:
    home.store.root.mkdir(parents=True)
    (home.store.root / ".receiving-99999").write_bytes(b"half a file")
    folder = home.store.root / "spotify" / "2026-03-16"
    folder.mkdir(parents=True)
    (folder / ".abc.json.99999").write_bytes(b"{")
    assert home.store.records() == [] and home.store.vendors() == ["spotify"]
    assert home.deliver(SPOTIFY, gz(ndjson([stream(1)]))).status == "loaded"
    assert [name for name in raw_files(home) if "/." in f"/{name}"] == []


def test_a_process_killed_between_the_bytes_and_their_record_has_received_nothing(home: Home) -> None:
    content = gz(ndjson([stream(1)]))
    digest = hashlib.sha256(content).hexdigest()
    folder = home.store.root / "spotify" / "2026-03-16"
    folder.mkdir(parents=True)
    (folder / digest).write_bytes(content[:10])  # not even the same bytes
    assert home.store.records() == []
    assert home.deliver(SPOTIFY, content).counts == (1, 1, 0)
    assert (folder / digest).read_bytes() == content


def test_two_processes_at_once_record_each_file_once(home: Home) -> None:
    for country in ("DE", "FR", "GB", "US", "SE", "PL"):
        home.put(
            f"spotify/acme/streams/2026/03/16/{country}.gz", gz(ndjson(stream(i, country=country) for i in range(50)))
        )
    home.put("spotify/acme/streams/2026/03/16/DE.json.gz", gz(ndjson([stream(1)])))  # a second file of one report
    home.put(FUGA, gz(fuga(trend(1))))
    receivers = [start_receiver(home) for _ in range(2)]
    for receiver in receivers:
        assert receiver.stdin is not None
        receiver.stdin.write("go\n")
        receiver.stdin.flush()
    received = [int(receiver.communicate(timeout=60)[0]) for receiver in receivers]
    assert [receiver.returncode for receiver in receivers] == [0, 0]
    records = home.store.records()
    # Seven reports, one of them twice; the second process may find the older file of the two and go back to it.
    assert len(records) == 8 and sum(received) >= 8
    assert len({(r.slot, r.revision) for r in records}) == 8
    assert len(raw_files(home)) == 16
    home.take()
    loaded = home.rows("select count(*) from streams.deliveries where is_current and status = 'loaded'")
    assert loaded == [(7,)]


@pytest.mark.parametrize("after_s", [0.0, 0.01, 0.03, 0.06])
def test_a_receiver_that_is_killed_leaves_its_work_to_be_found(home: Home, after_s: float) -> None:
    contents = {
        f"spotify/acme/streams/2026/03/16/{a}{b}.gz": gz(ndjson([stream(1, track_id=f"{a}{b}")]))
        for a in "ABCDEFGH"
        for b in "ABCDEFGH"
    }
    for name, content in contents.items():
        home.put(name, content)
    receiver = start_receiver(home)
    assert receiver.stdin is not None
    receiver.stdin.write("go\n")
    receiver.stdin.flush()
    time.sleep(after_s)
    receiver.send_signal(signal.SIGKILL)
    receiver.communicate(timeout=60)
    for record in home.store.records():  # what is recorded is whole
        assert hashlib.sha256(home.store.path(record).read_bytes()).hexdigest() == record.delivery_id
    assert home.files() == sorted(contents)
    home.store.receive(home.inbox, home.listed())
    assert {r.file_name: r.delivery_id for r in home.store.records()} == {
        name: hashlib.sha256(content).hexdigest() for name, content in contents.items()
    }
    assert len(raw_files(home)) == 2 * len(contents)


def test_a_record_is_replaced_whole(home: Home) -> None:
    home.deliver(SPOTIFY, gz(ndjson([stream(1)])))
    (record,) = home.store.records()
    home.store.save(record)
    path = home.store.path(record).with_suffix(".json")
    assert json.loads(path.read_text())["delivery_id"] == record.delivery_id
    assert RawStore(home.settings.lake_root).records() == [record]
    assert [p.name for p in path.parent.iterdir() if p.name.startswith(".")] == []


def test_what_a_killed_run_was_unpacking_is_swept(home: Home) -> None:
    left_over = home.settings.lake_root / "spill" / "ingest" / "0123abcd"
    left_over.parent.mkdir(parents=True)
    left_over.write_bytes(b"listeners in clear")
    home.deliver(SPOTIFY, gz(ndjson([stream(1)])))
    assert not left_over.exists()
