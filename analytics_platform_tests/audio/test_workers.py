"""Whatever a worker does, each task comes back once, and only the one at fault is lost."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from analytics_platform.audio.names import REASONS
from analytics_platform.audio.workers import Rejected, WorkerStartError, run_clips
from analytics_platform_tests.audio import tasks
from analytics_platform_tests.audio.broken_files import A_CLIP, broken_files, good


def test_broken_files_are_rejected_or_heard_and_take_little_memory(tmp_path: Path) -> None:
    expected = {"good": (good("mp3"), {A_CLIP})} | broken_files()
    assert len(expected) > 25
    paths: dict[str, str] = {}
    for number, (name, (data, _)) in enumerate(expected.items()):
        path = tmp_path / f"{number}.mp3"
        path.write_bytes(data)
        paths[str(path)] = name
    outcomes: dict[str, str] = {}
    for task, outcome in run_clips([*paths, "memory"], tasks.clip, workers=1, seconds=60):
        if task == "memory":
            # The last one of the one worker, which therefore survived them all.
            assert isinstance(outcome, tuple)
            assert outcome[1] < 150
        elif isinstance(outcome, Rejected):
            assert outcome.reason in REASONS
            outcomes[paths[task]] = outcome.reason
        else:
            assert outcome[0] >= 3 * 22_050 - 1
            assert outcome[1] <= 4.1
            outcomes[paths[task]] = A_CLIP
    wrong = {name: outcome for name, outcome in outcomes.items() if outcome not in expected[name][1]}
    assert not wrong
    assert outcomes.keys() == expected.keys()


@pytest.mark.parametrize("workers", [1, 3])
def test_each_fault_costs_its_task_alone(workers: int) -> None:
    faults = {
        "segfault": "decoder crashed",
        "abort": "decoder crashed",
        "killed": "decoder crashed",
        "exit": "decoder crashed",
        "leave": "decoder crashed",
        "panic": "decoder crashed",
        "fault": "decoder crashed",
        "unpicklable": "decoder crashed",
        "eat": "out of memory",
        "eat_slowly": "out of memory",
        "reject": "too short",
    }
    names = [name for fault in faults for name in (fault, f"good after {fault}")] + ["large", "none"]
    seen: dict[str, object] = {}
    for name, outcome in run_clips(names, tasks.act, workers=workers, seconds=60):
        assert name not in seen
        seen[name] = outcome
    assert seen.keys() == set(names)
    np.testing.assert_array_equal(seen.pop("large"), np.full((1292, 128), 7, dtype=np.float16))
    assert seen.pop("none") is None
    reasons = {name: outcome.reason for name, outcome in seen.items() if isinstance(outcome, Rejected)}
    assert reasons == faults
    assert all(outcome == name for name, outcome in seen.items() if name not in faults)


def test_a_task_that_hangs_is_ended_even_in_c() -> None:
    names = ["hang", "a", "hang_in_c", "b", "c"]
    outcomes = dict(run_clips(names, tasks.act, workers=2, seconds=1))
    late = Rejected("timed out", "more than 1 s")
    assert outcomes == {"hang": late, "hang_in_c": late, "a": "a", "b": "b", "c": "c"}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not bound the memory of a process")
@pytest.mark.parametrize(("memory_mb", "prepare"), [(300, None), (600, tasks.import_torch)])
def test_the_bound_on_memory_counts_what_imports_took(memory_mb: int, prepare: Callable[[], None] | None) -> None:
    ((_, peak),) = run_clips(["eat_and_tell"], tasks.act, workers=1, memory_mb=memory_mb, prepare=prepare)
    # What libraries reserved before, and use only now, comes on top.
    assert 0.7 * memory_mb < peak < memory_mb + 50


def test_a_rejection_says_what_happened_without_addresses() -> None:
    details = {
        task: outcome.detail
        for task, outcome in run_clips(["segfault", "exit", "panic", "fault", "reject"], tasks.act, workers=1)
    }
    assert details["segfault"] == "SIGSEGV"
    assert details["exit"] == "exit code 3"
    assert details["reject"] == "0.30 s of sound"
    assert "ValueError in tasks.py" in details["fault"]
    assert "shapes (3,) and (4,)" in details["fault"]
    assert details["panic"].startswith("Panic in tasks.py")
    assert "secret" not in details["panic"]


def test_storage_that_fails_is_raised_without_its_address() -> None:
    with pytest.raises(PermissionError, match="Permission denied") as failed:
        list(run_clips(["a"], tasks.storage_fails, workers=1))
    assert "secret" not in str(failed.value)


def test_workers_that_cannot_start_are_nobodys_fault() -> None:
    with pytest.raises(WorkerStartError, match="no weights here"):
        list(run_clips(["a"], tasks.act, workers=2, prepare=tasks.cannot_prepare))


def test_a_function_of_the_script_that_runs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks.act, "__module__", "__main__")
    with pytest.raises(ValueError, match="move it to a module"):
        next(run_clips(["a"], tasks.act, workers=1))


def test_no_tasks() -> None:
    assert list(run_clips([], tasks.act, workers=2)) == []


def test_tasks_are_taken_as_results_are(tmp_path: Path) -> None:
    taken = 0

    def names() -> Iterator[str]:
        nonlocal taken
        for number in range(12):
            taken += 1
            yield f"large {number}"

    for done, (_, outcome) in enumerate(run_clips(names(), tasks.act, workers=2, seconds=2), 1):
        assert not isinstance(outcome, Rejected)
        assert taken <= done + 2
        if done == 2:
            # Results wait for longer than a task may take: that is the consumer's time, not theirs.
            time.sleep(2.5)
    assert taken == 12


def test_a_task_that_hangs_while_the_consumer_is_busy_is_ended_all_the_same() -> None:
    outcomes = {}
    for task, outcome in run_clips(["a", "hang", "b"], tasks.act, workers=1, seconds=0.5):
        outcomes[task] = outcome
        if task == "a":
            time.sleep(3)
    assert outcomes == {"a": "a", "hang": Rejected("timed out", "more than 0.5 s"), "b": "b"}


def test_one_thread_and_no_noise(capfd: pytest.CaptureFixture[str]) -> None:
    outcomes = dict(run_clips(["threads", "print"], tasks.act, workers=1, prepare=tasks.import_torch))
    assert outcomes == {"threads": ["1", "1"], "print": "print"}
    assert capfd.readouterr() == ("", "")


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_workers_end_with_the_iterator() -> None:
    iterator = run_clips([f"process {number}" for number in range(5)], tasks.act, workers=1)
    _, process = next(iterator)
    assert is_alive(process)
    iterator.close()
    assert not is_alive(process)


SCRIPT = """
import sys
from analytics_platform.audio.workers import run_clips
from analytics_platform_tests.audio import tasks
print("started", flush=True)
for task, outcome in run_clips([sys.argv[1]] * 9, tasks.note_process, workers=2):
    print("done", flush=True)
"""


def test_workers_end_with_a_script_that_is_killed(tmp_path: Path) -> None:
    # The script has no guard against being imported: workers do not run it again.
    (tmp_path / "script.py").write_text(SCRIPT)
    notes = tmp_path / "notes"
    notes.mkdir()
    command = [sys.executable, str(tmp_path / "script.py"), str(notes)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as script:
        assert script.stdout is not None
        assert [script.stdout.readline() for _ in range(2)] == ["started\n", "done\n"]
        script.kill()
    workers = [int(note.name) for note in notes.iterdir()]
    assert len(workers) == 2
    until = time.monotonic() + 30
    while any(is_alive(worker) for worker in workers):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_within_a_thread_of_a_daemon_of_multiprocessing() -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=tasks.pool_within, args=(theirs,), daemon=True)
    process.start()
    assert ours.poll(60)
    assert ours.recv() == [("a", "a"), ("b", "b"), ("segfault", Rejected("decoder crashed", "SIGSEGV"))]
    process.join()
