"""Nets learn; a killed training ends like one that nobody killed; the best weights are kept."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from torch import nn

from analytics_platform.modelling.feeding import Batch, Part
from analytics_platform.modelling.training import Loss, Trained, fit, predict
from analytics_platform.modelling.training_plan import OptimiserName, TrainingPlan, computes_bfloat16, make_optimiser
from analytics_platform_tests.modelling.xor import (
    HITS,
    PLAN,
    TRAIN,
    VALIDATION,
    build,
    loss,
    points,
    train,
)

RATES = {"adam": 0.02, "sgd": 0.3, "nesterov": 0.05, "rmsprop": 0.01, "adadelta": 1.0}


def curves(trained: Trained) -> list[tuple[int, float, float]]:
    return [(epoch.number, epoch.train_loss, epoch.watched) for epoch in trained.history.epochs]


def assert_same(one: Trained, other: Trained) -> None:
    """Exactly: the curves, the best epoch, and its weights."""
    assert curves(one) == curves(other)
    assert one.history.best_epoch == other.history.best_epoch
    weights, others = one.net.state_dict(), other.net.state_dict()
    assert weights.keys() == others.keys()
    for name, tensor in weights.items():
        assert torch.equal(tensor, others[name]), name


def kill(folder: Path, place: str, number: int) -> None:
    """Train in another process until it says that it is there, then kill it."""
    command = [sys.executable, "-m", "analytics_platform_tests.modelling.xor", str(folder), place, str(number)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "here\n"
        finally:
            process.kill()


def test_a_training_killed_twice_ends_like_one_that_nobody_killed(tmp_path: Path) -> None:
    """In the middle of its third epoch, then while the checkpoint of the fourth is written."""
    kill(tmp_path / "killed", "batch", 3)
    kill(tmp_path / "killed", "checkpoint", 2)
    assert len(list((tmp_path / "killed").glob(".*.tmp"))) == 1
    lines: list[str] = []
    resumed = train(tmp_path / "killed", say=lines.append)
    assert lines[0] == "goes on after epoch 3"
    assert len(lines) == 1 + 5
    assert_same(resumed, train(tmp_path / "straight"))
    assert len(list((tmp_path / "killed").iterdir())) == 1


class Stop(Exception):
    pass


def stop_after(epoch: int) -> Callable[[str], None]:
    def say(line: str) -> None:
        if line.startswith(f"epoch {epoch} of"):
            raise Stop

    return say


def stop_at(epoch: int, folder: Path, plan: TrainingPlan) -> None:
    with pytest.raises(Stop):
        train(folder, plan, stop_after(epoch))


@pytest.mark.parametrize("name", get_args(OptimiserName))
def test_every_optimiser_learns_and_remembers_over_a_resume(name: OptimiserName, tmp_path: Path) -> None:
    plan = replace(PLAN, optimiser=name, learning_rate=RATES[name], weight_decay=1e-4, clip_norm=1.0)
    stop_at(3, tmp_path / "stopped", plan)
    resumed = train(tmp_path / "stopped", plan)
    straight = train(tmp_path / "straight", plan)
    assert_same(resumed, straight)
    # The slowest of them, in so few steps.
    assert straight.history.epochs[-1].train_loss < 0.97 * straight.history.epochs[0].train_loss


def test_a_net_learns_and_predicts_rows_in_their_order(tmp_path: Path) -> None:
    net = train(tmp_path, replace(PLAN, epochs=30)).net
    rows = VALIDATION[::-1].copy()
    part = Part(rows, lambda some, rng: {"x": points(some, rng)["x"]})
    logits = predict(net, part, lambda net, batch: net(batch["x"]), batch_size=32, device="cpu")
    assert logits.shape == (100,)
    assert ((logits > 0) == HITS[rows]).mean() > 0.9


def test_the_seed_decides_and_nothing_else(tmp_path: Path) -> None:
    torch.manual_seed(1)
    one = train(tmp_path / "one")
    torch.manual_seed(2)
    state = torch.random.get_rng_state()
    other = train(tmp_path / "other")
    assert torch.equal(torch.random.get_rng_state(), state)
    assert_same(one, other)
    assert curves(train(tmp_path / "third", replace(PLAN, seed=4))) != curves(one)


def test_a_finished_training_is_returned_and_one_of_another_plan_or_data_is_not(tmp_path: Path) -> None:
    plan = replace(PLAN, epochs=2)
    first = train(tmp_path, plan)
    lines: list[str] = []
    assert_same(train(tmp_path, plan, lines.append), first)
    assert lines == ["goes on after epoch 2"]
    for other in (replace(plan, learning_rate=0.01), replace(plan, seed=9)):
        lines.clear()
        train(tmp_path, other, lines.append)
        assert len(lines) == 2
    lines.clear()
    fit(build, loss, Part(TRAIN[1:], points), Part(VALIDATION, points), plan, tmp_path, lines.append)
    assert len(lines) == 2


def told(values: list[float]) -> Loss:
    """A measure that says these values, one an epoch, whatever the net does."""
    coming = iter(values)

    def watch(net: nn.Module, batch: Batch) -> torch.Tensor:
        assert not net.training
        return torch.tensor(next(coming))

    return watch


def fit_watching(folder: Path, plan: TrainingPlan, values: list[float], say: Callable[[str], None] = print) -> Trained:
    one_batch = Part(VALIDATION[:10], points)
    return fit(build, loss, Part(TRAIN, points), one_batch, plan, folder, say, watch=told(values))


def test_training_stops_when_nothing_improves_and_keeps_the_best_weights(tmp_path: Path) -> None:
    plan = replace(PLAN, epochs=20, patience=3)
    stopped = fit_watching(tmp_path / "stopped", plan, [3, 2, 2.5, 2, 2.4, 1])
    assert [epoch.watched for epoch in stopped.history.epochs] == pytest.approx([3, 2, 2.5, 2, 2.4])
    assert (stopped.history.best_epoch, stopped.history.stopped_early) == (2, True)
    assert not stopped.net.training
    two = fit_watching(tmp_path / "two", replace(plan, epochs=2), [3, 2])
    assert (two.history.best_epoch, two.history.stopped_early) == (2, False)
    for name, tensor in two.net.state_dict().items():
        assert torch.equal(tensor, stopped.net.state_dict()[name])


def test_the_best_weights_outlive_a_kill_that_comes_later(tmp_path: Path) -> None:
    plan = replace(PLAN, epochs=20, patience=3)
    with pytest.raises(Stop):
        fit_watching(tmp_path / "stopped", plan, [3, 2, 2.5, 2.4], stop_after(4))
    resumed = fit_watching(tmp_path / "stopped", plan, [2.25])
    assert_same(resumed, fit_watching(tmp_path / "straight", plan, [3, 2, 2.5, 2.4, 2.25]))
    assert resumed.history.best_epoch == 2


def test_a_little_better_is_not_better(tmp_path: Path) -> None:
    plan = replace(PLAN, epochs=20, patience=3, min_delta=0.125)
    trained = fit_watching(tmp_path, plan, [3, 2.9375, 2.875, 2.75, 2.6875, 2.6875, 2.6875, 0])
    assert (trained.history.best_epoch, len(trained.history.epochs)) == (4, 7)


def test_without_validation_rows_the_training_loss_is_watched(tmp_path: Path) -> None:
    trained = fit(build, loss, Part(TRAIN, points), None, PLAN, tmp_path, print)
    epochs = trained.history.epochs
    assert [epoch.watched for epoch in epochs] == [epoch.train_loss for epoch in epochs]
    assert trained.history.best_epoch == min(epochs, key=lambda epoch: epoch.watched).number


def test_losses_are_means_over_rows_not_over_batches(tmp_path: Path) -> None:
    """70 rows in batches of 32, 32 and 6: a mean over batches would count the last rows five times."""
    seen: list[float] = []

    def measure(net: nn.Module, batch: Batch) -> torch.Tensor:
        values = batch["x"][:, 0]
        seen.extend(values.tolist())
        return values.mean()

    part = Part(VALIDATION[:70], points)
    plan = replace(PLAN, epochs=1)
    (epoch,) = fit(build, loss, Part(TRAIN, points), part, plan, tmp_path, print, watch=measure).history.epochs
    assert len(seen) == 70
    assert epoch.watched == pytest.approx(np.mean(seen), rel=1e-5)


def test_a_loss_that_is_not_finite_stops_and_says_where(tmp_path: Path) -> None:
    train(tmp_path, replace(PLAN, epochs=1))
    calls = iter(range(1000))

    def broken(net: nn.Module, batch: Batch) -> torch.Tensor:
        return loss(net, batch) * (torch.nan if next(calls) == 9 else 1)

    lines: list[str] = []
    with pytest.raises(
        FloatingPointError, match=r"nan in epoch 2, batch 3 of 7, not finite; the batch is: try a lower"
    ):
        fit(build, broken, Part(TRAIN, points), None, PLAN, tmp_path, lines.append)
    assert len(lines) == 1
    with pytest.raises(Stop):
        fit(build, loss, Part(TRAIN, points), None, PLAN, tmp_path, note_and_stop(lines))
    assert lines[-1] == "goes on after epoch 1"


def note_and_stop(lines: list[str]) -> Callable[[str], None]:
    def say(line: str) -> None:
        lines.append(line)
        raise Stop

    return say


@pytest.mark.parametrize("where", ["train", "validation"])
def test_a_batch_that_is_not_finite_is_named(where: str, tmp_path: Path) -> None:
    def holes(rows: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {**points(rows, rng), "x": np.where(rows[:, None] == rows[0], np.inf, points(rows, rng)["x"])}

    parts = {"train": Part(TRAIN, points), "validation": Part(VALIDATION, points)}
    parts[where] = Part(parts[where].rows, holes)
    with pytest.raises(
        FloatingPointError, match=rf"{where[:3]}.* not finite; the batch itself is not, in x|batch 1 of 7"
    ):
        fit(build, loss, parts["train"], parts["validation"], PLAN, tmp_path, print)


def test_the_numbers_of_the_machine_are_there(tmp_path: Path) -> None:
    history = train(tmp_path).history
    for epoch in history.epochs:
        assert epoch.examples_per_second * epoch.seconds == pytest.approx(200)
        assert 0 < epoch.waiting_share <= 1
    assert 0 < history.waiting_share <= 1
    speeds = sorted(epoch.examples_per_second for epoch in history.epochs[1:])
    assert history.examples_per_second == speeds[3]


class OneWeight(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([2.0, 0.0]))


def one_step(plan: TrainingPlan, gradient: tuple[float, float]) -> list[float]:
    """What the first step adds to weights of 2 and 0."""
    net = OneWeight()
    optimiser = make_optimiser(net, plan)
    (net.weight * torch.tensor(gradient)).sum().backward()
    optimiser.step()
    return (net.weight.detach() - torch.tensor([2.0, 0.0])).tolist()


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("adam", -0.1),
        ("sgd", -0.1 * 3),
        ("nesterov", -0.1 * 3 * 1.9),
        ("rmsprop", -0.1 / np.sqrt(0.1)),
        ("adadelta", -0.1 * np.sqrt(1e-7) / np.sqrt(0.05 * 9 + 1e-7) * 3),
    ],
)
def test_the_first_step_of_every_optimiser_is_that_of_its_formula(name: OptimiserName, step: float) -> None:
    plan = TrainingPlan(1, 1, 0.1, optimiser=name)
    assert one_step(plan, (3.0, 0.0)) == pytest.approx([step, 0], rel=1e-3)


def test_weight_decay_is_in_the_gradient() -> None:
    assert one_step(TrainingPlan(1, 1, 0.1, optimiser="sgd", weight_decay=0.5), (3.0, 1.0)) == pytest.approx(
        [-0.4, -0.1]
    )


def test_clipped_gradients_take_no_longer_a_step_than_the_norm(tmp_path: Path) -> None:
    plan = TrainingPlan(1, 200, 1.0, optimiser="sgd", clip_norm=0.25)

    def steep(net: nn.Module, batch: Batch) -> torch.Tensor:
        return (net.get_parameter("weight") * torch.tensor([3e4, 4e4])).sum() + 0 * batch["x"].sum()

    net = fit(OneWeight, steep, Part(TRAIN, points), None, plan, tmp_path, print).net
    moved = net.get_parameter("weight").detach() - torch.tensor([2.0, 0.0])
    assert moved.tolist() == pytest.approx([-0.15, -0.2], rel=1e-4)


class Tied(nn.Module):
    """Two layers of one matrix, as in an autoencoder with tied weights."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(2, 2, bias=False)
        self.outer = nn.Linear(2, 2, bias=False)
        self.outer.weight = self.inner.weight


def test_nets_that_share_weights_between_layers_are_kept_too(tmp_path: Path) -> None:
    def rebuild(net: nn.Module, batch: Batch) -> torch.Tensor:
        return (net.get_submodule("outer")(net.get_submodule("inner")(batch["x"])) - batch["x"]).square().mean()

    plan = replace(PLAN, epochs=3)
    one, other = (fit(Tied, rebuild, Part(TRAIN, points), None, plan, tmp_path, print) for _ in range(2))
    assert_same(one, other)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Iterator[Path]:
    train(tmp_path, replace(PLAN, epochs=2))
    (path,) = tmp_path.iterdir()
    yield path


def test_nothing_in_a_checkpoint_is_pickled(checkpoint: Path) -> None:
    body = checkpoint.read_bytes()
    header = json.loads(body[8 : 8 + int.from_bytes(body[:8], "little")])
    progress = json.loads(header.pop("__metadata__")["progress"])
    assert [epoch["number"] for epoch in progress["epochs"]] == [1, 2]
    assert {name.partition("/")[0] for name in header} == {"net", "best", "optimiser"}


@pytest.mark.parametrize("left", [0, 5, 300, -1])
def test_a_damaged_checkpoint_is_named(checkpoint: Path, left: int) -> None:
    checkpoint.write_bytes(checkpoint.read_bytes()[:left])
    with pytest.raises(ValueError, match=f"{checkpoint.name} is damaged .* delete it"):
        train(checkpoint.parent, replace(PLAN, epochs=2))


def test_what_another_program_left_under_the_name_is_no_checkpoint(checkpoint: Path) -> None:
    from safetensors.torch import save_file

    save_file({"weights": torch.zeros(3)}, checkpoint)
    with pytest.raises(ValueError, match="is damaged"):
        train(checkpoint.parent, replace(PLAN, epochs=2))


@pytest.mark.parametrize("wanted", [True, False])
def test_a_cpu_computes_in_bfloat16_if_it_can_and_is_asked_to(wanted: bool, tmp_path: Path) -> None:
    used: list[torch.dtype] = []

    def spy(net: nn.Module, batch: Batch) -> torch.Tensor:
        net[0].register_forward_hook(lambda layer, given, out: used.append(out.dtype))
        return loss(net, batch)

    plan = replace(PLAN, mixed_precision=wanted, epochs=2)
    trained = fit(build, spy, Part(TRAIN, points), Part(VALIDATION, points), plan, tmp_path, print)
    predict(
        trained.net,
        Part(VALIDATION, points),
        lambda net, batch: net(batch["x"]),
        batch_size=32,
        device="cpu",
        mixed_precision=wanted,
    )
    assert set(used) == {torch.bfloat16 if wanted and computes_bfloat16("cpu") else torch.float32}
    assert trained.history.epochs[-1].train_loss < trained.history.epochs[0].train_loss


def test_without_a_folder_nothing_is_written_and_the_net_is_the_same(tmp_path: Path) -> None:
    plan = replace(PLAN, epochs=3)
    parts = Part(TRAIN, points), Part(VALIDATION, points)
    without = fit(build, loss, *parts, plan, None, print)
    assert_same(without, fit(build, loss, *parts, plan, tmp_path, print))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_learns_in_mixed_precision_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    plan = replace(PLAN, device="cuda", mixed_precision=True, epochs=30)
    stop_at(3, tmp_path, plan)
    lines: list[str] = []
    trained = train(tmp_path, plan, lines.append)
    assert lines[0] == "goes on after epoch 3"
    assert trained.history.epochs[-1].train_loss < 0.5 * trained.history.epochs[0].train_loss
    assert next(trained.net.parameters()).dtype == torch.float32


def test_loading_the_loop_imports_no_torch() -> None:
    code = (
        "import sys; from analytics_platform.modelling import baselines, scoring, splits, training;"
        "print({'torch', 'sklearn'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"
