"""The loop that trains every net: it resumes after a kill, stops when nothing improves, and keeps the best weights.

Chance has one source, the plan's seed: the first weights, the order of the rows, dropout and what a batch draws. Each
epoch begins from a seed of its own, so no generator's state has to be kept. On the CPU of one machine, with one number
of threads, the same plan and data give the same weights, killed or not.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analytics_platform.modelling.checkpoints import (
    SUFFIX,
    Checkpoint,
    load_checkpoint,
    optimiser_tensors,
    restore_optimiser,
    save_checkpoint,
)
from analytics_platform.modelling.feeding import Batch, Loader, Part
from analytics_platform.modelling.training_plan import (
    Epoch,
    History,
    TrainingPlan,
    best_epoch,
    computes_bfloat16,
    is_over,
    make_optimiser,
)

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module
    from torch.optim import Optimizer

Loss = Callable[["Module", Batch], "Tensor"]
"""Runs the net on a batch; the mean loss of its rows, a number. With mixed precision, give logits to the losses
``…_with_logits``: torch refuses ``binary_cross_entropy`` there."""
Output = Callable[["Module", Batch], "Tensor"]
"""Runs the net on a batch of k rows; (k, …)."""
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Trained:
    """A net with the weights of its best epoch."""

    net: Module
    history: History


def fit(
    build: Callable[[], Module],
    loss: Loss,
    train: Part,
    validation: Part | None,
    plan: TrainingPlan,
    folder: Path | None,
    say: Say,
    *,
    watch: Loss | None = None,
) -> Trained:
    """Train a new net, or go on with one whose training was killed.

    After each epoch a checkpoint is written. One of the same plan (on any device), shapes and rows is gone on with;
    others are left alone. A finished one is returned at once. The folder is the caller's: named after the version of
    data, net and loss, and deleted when the model is stored.

    Args:
        build: makes the net. It is called once the plan's seed is set, so that no training begins from another's
            weights and each seed gives its own.
        loss: what is minimised.
        train: rows to train on.
        validation: rows by which the best epoch is chosen; None: by the training loss.
        plan: how to train.
        folder: of the checkpoints; None: none are written, for trainings that are over in seconds.
        say: told of each epoch.
        watch: what must fall on the validation rows, if not the loss.

    Raises:
        FloatingPointError: the loss is not finite; the message says in which batch. The checkpoint of the epoch before
            stays.
        ValueError: a part without rows, or a damaged checkpoint.
    """
    import torch

    gpus = range(torch.cuda.device_count()) if plan.device.startswith("cuda") else ()
    with torch.random.fork_rng(devices=gpus), ExitStack() as stack:
        torch.manual_seed(plan.seed)
        net = build().to(plan.device)
        optimiser = make_optimiser(net, plan)
        path = None if folder is None else folder / f"{_fingerprint(net, train, validation, plan)}{SUFFIX}"
        epochs: list[Epoch] = []
        best: dict[str, Tensor] = {}
        saved = None if path is None else load_checkpoint(path)
        if saved is not None:
            net.load_state_dict(saved.net)
            restore_optimiser(optimiser, saved.optimiser)
            best = dict(saved.best)
            epochs = [Epoch(**epoch) for epoch in saved.progress["epochs"]]
            say(f"goes on after epoch {len(epochs)}")

        if not is_over(epochs, plan):
            coming = range(len(epochs) + 1, plan.epochs + 1)
            feed = stack.enter_context(
                Loader(train, plan.batch_size, plan.device, seed=plan.seed, shuffle=True, epochs=coming)
            )
            check = None
            if validation is not None:
                check = stack.enter_context(
                    Loader(validation, plan.batch_size, plan.device, seed=plan.seed, shuffle=False, epochs=coming)
                )
            while not is_over(epochs, plan):
                number = len(epochs) + 1
                torch.manual_seed(_epoch_seed(plan.seed, number))
                before, start = feed.waited_s, time.perf_counter()
                train_loss = _train(net, loss, feed, optimiser, plan, number)
                seconds = time.perf_counter() - start
                watched = train_loss if check is None else _evaluate(net, watch or loss, check, plan, number)
                waited = (feed.waited_s - before) / seconds
                epochs.append(Epoch(number, train_loss, watched, seconds, min(waited, 1.0), feed.rows / seconds))
                if best_epoch(epochs, plan) == number:
                    best = {name: tensor.detach().cpu().clone() for name, tensor in net.state_dict().items()}
                if path is not None:
                    progress = {"epochs": [asdict(epoch) for epoch in epochs]}
                    save_checkpoint(path, Checkpoint(net.state_dict(), best, optimiser_tensors(optimiser), progress))
                say(_line(epochs, plan))
        net.load_state_dict(best)
    history = History(tuple(epochs), best_epoch(epochs, plan), len(epochs) < plan.epochs)
    return Trained(net.eval(), history)


def predict(
    net: Module,
    part: Part,
    output: Output,
    *,
    batch_size: int,
    device: str,
    seed: int = 0,
    mixed_precision: bool = False,
) -> NDArray[np.float32]:
    """What a net says of the rows of a part, (n, …) in their order; ``seed`` is of the chance in ``make``."""
    import torch

    net = net.to(device).eval()
    feed = Loader(part, batch_size, device, seed=seed, shuffle=False, epochs=range(1))
    with torch.inference_mode(), _precision(device, mixed_precision), feed:
        found = [output(net, batch).float().cpu().numpy() for batch in feed.epoch()]
    return np.concatenate(found)


def _train(net: Module, loss: Loss, feed: Loader, optimiser: Optimizer, plan: TrainingPlan, epoch: int) -> float:
    """One pass over the training rows; the mean loss."""
    from torch.nn.utils import clip_grad_norm_

    net.train()
    total = 0.0
    before: tuple[Tensor, Batch, str] | None = None
    for number, batch in enumerate(feed.epoch(), 1):
        optimiser.zero_grad()
        with _precision(plan.device, plan.mixed_precision):
            value = loss(net, batch)
        value.backward()
        if plan.clip_norm is not None:
            clip_grad_norm_(net.parameters(), plan.clip_norm)
        optimiser.step()
        # A step late: reading a loss waits until a GPU has computed it, which then has the next step to do.
        if before is not None:
            total += _sum_of(*before)
        before = value.detach(), batch, f"epoch {epoch}, batch {number} of {feed.batches}"
    if before is not None:
        total += _sum_of(*before)
    return total / feed.rows


def _evaluate(net: Module, measure: Loss, feed: Loader, plan: TrainingPlan, epoch: int) -> float:
    """The mean of a measure over the validation rows."""
    import torch

    net.eval()
    total = 0.0
    with torch.inference_mode(), _precision(plan.device, plan.mixed_precision):
        for number, batch in enumerate(feed.epoch(), 1):
            total += _sum_of(measure(net, batch), batch, f"epoch {epoch}, validation batch {number} of {feed.batches}")
    return total / feed.rows


def _sum_of(mean: Tensor, batch: Batch, place: str) -> float:
    """The loss of a batch times its rows.

    Raises:
        FloatingPointError: it is not finite.
    """
    import torch

    value = mean.item()
    if not math.isfinite(value):
        bad = [name for name, tensor in batch.items() if not torch.isfinite(tensor).all()]
        cause = (
            f"the batch itself is not, in {', '.join(bad)}"
            if bad
            else "the batch is: try a lower learning rate, or clip_norm"
        )
        raise FloatingPointError(f"the loss is {value} in {place}, not finite; {cause}")
    return value * len(next(iter(batch.values())))


def _precision(device: str, mixed: bool) -> AbstractContextManager[object]:
    import torch

    if mixed and computes_bfloat16(device):
        return torch.autocast(device.partition(":")[0], torch.bfloat16)
    return nullcontext()


def _epoch_seed(seed: int, epoch: int) -> int:
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])


def _fingerprint(net: Module, train: Part, validation: Part | None, plan: TrainingPlan) -> str:
    """Of all that must be the same for a training to go on."""
    described = asdict(plan) | {
        "device": "any",
        "net": [(name, list(tensor.shape)) for name, tensor in net.state_dict().items()],
    }
    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode())
    for part in (train, validation):
        digest.update(b"none" if part is None else np.asarray(part.rows, dtype=np.int64).tobytes() + b";")
    return digest.hexdigest()[:16]


def _line(epochs: Sequence[Epoch], plan: TrainingPlan) -> str:
    now, best = epochs[-1], epochs[best_epoch(epochs, plan) - 1]
    return (
        f"epoch {now.number} of {plan.epochs}: loss {now.train_loss:.5g}, watched {now.watched:.5g} (best"
        f" {best.watched:.5g} in epoch {best.number}), {now.examples_per_second:.3g} examples/s,"
        f" {now.waiting_share:.0%} of the time waiting"
    )
