"""Every family builds, says what it takes, answers in range, learns, and passes gradients to every weight."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from analytics_platform.tracks.families import (
    FAMILIES,
    FIVE_SECONDS,
    FIVE_SECONDS_COARSE,
    FORWARD,
    PUBLISHED,
    Family,
    InputSize,
)
from analytics_platform.tracks.nets.parts import outputs, task_loss
from analytics_platform.tracks.tasks import Task
from analytics_platform_tests.tracks.inputs import CASE_NAMES, CASES, inputs_of, prepared, targets_of

every_case = pytest.mark.parametrize(("family", "task"), CASES, ids=CASE_NAMES)


def test_listing_families_and_the_grid_needs_no_torch() -> None:
    code = (
        "import sys\n"
        "from analytics_platform.tracks import families, grid\n"
        "sys.exit(bool({'torch', 'dagster', 'sklearn', 'numpy'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_all_models_of_the_documents_are_there() -> None:
    assert {name for name, family in FAMILIES.items() if family.document == "001"} == {
        f"hiphop_{net}" for net in ("mlp", "cnn1", "cnn1_summary", "cnn2", "cnn3", "crnn")
    }
    assert {name for name, family in FAMILIES.items() if family.document == "004"} == {
        *(f"hitmusicnet_{size}_{variant}" for size in ("auto", "high", "small") for variant in "abcd"),
        "hitmusicnet_published",
        *("single_autoencoder", "recurrent", "hitmusicnet_vggish", "lossnet"),
        *(f"autoenchorder_{layers}" for layers in (7, 9, 12)),
    }
    assert all(name == family.name for name, family in FAMILIES.items())
    assert len({family.title for family in FAMILIES.values()}) == len(FAMILIES)


def test_what_needs_more_than_the_sound_is_not_compared() -> None:
    assert {name for name, family in FAMILIES.items() if not family.from_sound_alone} == {
        "hitmusicnet_published",
        "lossnet",
    }
    assert "lyrics" in FAMILIES["hitmusicnet_published"].needs


def test_another_input_than_the_published_one_is_marked() -> None:
    crnn, final = FAMILIES["hiphop_crnn"], FAMILIES["autoenchorder_7"]
    assert crnn.departures(PUBLISHED) == crnn.departures(InputSize()) == final.departures(PUBLISHED) == ()
    assert crnn.departures(FIVE_SECONDS) == ("input 128 × 216 (5.0 s at hop 512), not 128 × 1292 at hop 512",)
    assert crnn.departures(FIVE_SECONDS_COARSE) == ("input 128 × 108 (5.0 s at hop 1024), not 128 × 1292 at hop 512",)
    assert final.departures(InputSize()) == ("embeddings of 200 numbers, not VGGish's 128",)
    assert FAMILIES["hitmusicnet_auto_a"].departures(PUBLISHED)
    assert not FAMILIES["hitmusicnet_published"].departures(PUBLISHED)


def test_a_task_that_the_source_has_not_is_refused() -> None:
    with pytest.raises(ValueError, match="is for binary, not for regression"):
        FAMILIES["hiphop_crnn"].build(InputSize(), "regression")


@every_case
def test_arguments_are_those_that_the_registry_names(family: Family, task: Task) -> None:
    net = family.build(FIVE_SECONDS_COARSE, task)
    names = FORWARD[family.input_kind]
    assert tuple(inspect.signature(net.forward).parameters) == names
    if family.two_stages:
        assert tuple(inspect.signature(net.reconstruction_loss).parameters) == names


@pytest.mark.parametrize("family", [f for f in FAMILIES.values() if f.document == "001"], ids=lambda f: f.name)
@pytest.mark.parametrize("size", [FIVE_SECONDS, FIVE_SECONDS_COARSE], ids=["hop512", "hop1024"])
def test_smaller_declared_inputs_work(family: Family, size: InputSize) -> None:
    with torch.device("meta"):
        net = family.build(size, "binary")
        assert net(torch.empty(3, size.frames, 128), torch.ones(3, size.frames, dtype=torch.bool)).shape == (3,)


@every_case
def test_answers_are_in_range(family: Family, task: Task) -> None:
    net, inputs = prepared(family, task)
    wild = [10 * values if values.is_floating_point() else values for values in inputs]
    with torch.inference_mode():
        for given in (inputs, wild):
            said = outputs(net(*given), task)
            assert said.shape == ((6, 3) if task == "three-class" else (6,))
            assert ((said >= 0) & (said <= 1)).all()
            if task == "three-class":
                torch.testing.assert_close(said.sum(1), torch.ones(6))


@every_case
def test_every_weight_is_trained_in_exactly_one_stage(family: Family, task: Task) -> None:
    net, inputs = prepared(family, task)
    net.eval()

    def trained() -> set[str]:
        found = {
            name for name, weight in net.named_parameters() if weight.grad is not None and (weight.grad != 0).any()
        }
        net.zero_grad()
        return found

    first: set[str] = set()
    if family.two_stages:
        net.reconstruction_loss(*inputs).backward()
        first = trained()
        assert first == {name for name, _ in net.named_parameters() if "autoencoder" in name}
    task_loss(net(*inputs), targets_of(task), task).backward()
    second = trained()
    assert first | second == {name for name, _ in net.named_parameters()}
    assert not first & second


@pytest.mark.parametrize(
    ("family", "task"),
    [
        # The deeper relatives of autoenchorder_9 take a minute.
        pytest.param(*case, marks=[pytest.mark.slow] if case[0].name in ("autoenchorder_7", "autoenchorder_12") else [])
        for case in CASES
    ],
    ids=CASE_NAMES,
)
def test_a_tiny_batch_is_learnt_by_heart(family: Family, task: Task) -> None:
    net, inputs = prepared(family, task)
    targets, rate = targets_of(task), 3e-3
    if family.name == "hiphop_crnn":
        # 0.2 GFLOP a track rather than 8.
        inputs, targets, rate = tuple(values[:4, :32] for values in inputs), targets[:4], 1e-3

    def learn(loss: Callable[[], Tensor], steps: int) -> float:
        """By how much the loss falls at least, without dropout; stops at nine tenths."""
        net.eval()
        at_first, fall = loss().item(), 0.0
        optimizer = torch.optim.Adam(net.parameters(), rate, eps=1e-7)
        for step in range(steps):
            net.train()
            optimizer.zero_grad()
            loss().backward()
            optimizer.step()
            net.eval()
            if step % 10 == 9 and (fall := 1 - loss().item() / at_first) >= 0.9:
                break
        return fall

    if family.two_stages:
        # Five windows of noise are more than a code of 20 holds.
        fall = learn(lambda: net.reconstruction_loss(*inputs), 300)
        assert fall >= (0.5 if "autoenchorder" in family.name else 0.9)
        net.fit_codes([inputs])
    assert learn(lambda: task_loss(net(*inputs), targets, task), 600) >= 0.9


def test_seeded_nets_are_the_same() -> None:
    one, other = (prepared(FAMILIES["crop_net"], "binary", seed=3)[0].state_dict() for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_scales_are_stored_with_the_weights() -> None:
    for family, task in CASES:
        net, inputs = prepared(family, task)
        again, _ = prepared(family, task, seed=1)
        again.load_state_dict(net.state_dict())
        net.eval()
        again.eval()
        with torch.inference_mode():
            assert torch.equal(net(*inputs), again(*inputs)), family.name


def test_inputs_of_every_kind_are_tested() -> None:
    assert {family.input_kind for family in FAMILIES.values()} == set(FORWARD)
    for kind, names in FORWARD.items():
        assert len(inputs_of(kind, FIVE_SECONDS_COARSE)) == len(names)
