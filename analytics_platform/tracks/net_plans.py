"""How each net is trained here: its source's recipe, what we chose where it says nothing, and how the two differ."""

from __future__ import annotations

from dataclasses import dataclass

from analytics_platform.modelling.training_plan import TrainingPlan, computes_bfloat16
from analytics_platform.tracks.families import FAMILIES, Family, InputSize
from analytics_platform.tracks.grid import Configuration, best_published

PATIENCE = 10
"""Epochs, where the source never stopped early or does not say."""
EPOCHS = 100
BATCH = 200
"""Where the source does not say; that of Autoen-chorder."""
FEWEST_STEPS, SMALLEST_BATCH = 16, 8
"""A batch is so small that an epoch has as many steps, or is of the smallest size."""
AUTOENCODER_EPOCHS, AUTOENCODER_PATIENCE = 50, 2
"""HitMusicNet's, by the training loss."""


@dataclass(frozen=True, slots=True)
class How:
    """What the caller decides of a training."""

    seed: int
    device: str = "cpu"
    epochs: int | None = None
    """At most, of each stage; None: as many as the source."""
    mixed_precision: bool = False
    """Compute in bfloat16 where that helps."""


def net_plan(family: Family, rows: int, how: How, configuration: Configuration | None = None) -> TrainingPlan:
    """The plan of the part that learns the task; ``mixed_precision`` is set only where it acts.

    Args:
        family: which net.
        rows: of the training part.
        how: seed, device and so on.
        configuration: of Autoen-chorder.
    """
    recipe = family.recipe
    batch_size = recipe.batch_size if configuration is None else configuration.batch_size
    return TrainingPlan(
        epochs=how.epochs or recipe.epochs or EPOCHS,
        batch_size=_batch_size(batch_size, rows),
        learning_rate=recipe.learning_rate if configuration is None else configuration.learning_rate,
        optimiser=recipe.optimizer,
        weight_decay=0.0 if configuration is None else configuration.weight_decay,
        patience=recipe.patience or PATIENCE,
        seed=how.seed,
        device=how.device,
        mixed_precision=how.mixed_precision and _is_convolutional(family) and computes_bfloat16(how.device),
    )


def autoencoder_plan(family: Family, rows: int, how: How) -> TrainingPlan:
    """The plan of autoencoders: HitMusicNet's, which stops when the training loss has not fallen for two epochs."""
    return TrainingPlan(
        epochs=min(how.epochs or AUTOENCODER_EPOCHS, AUTOENCODER_EPOCHS),
        batch_size=_batch_size(family.recipe.batch_size, rows),
        learning_rate=1e-3,
        patience=AUTOENCODER_PATIENCE,
        seed=how.seed,
        device=how.device,
    )


def encoder_family(family: Family) -> Family:
    """The family whose autoencoders are trained for this one: nets that differ behind the codes alone share them."""
    match family.name.split("_"):
        case ["autoenchorder", _]:
            return FAMILIES["autoenchorder_7"]
        case ["hitmusicnet", "auto" | "high" | "small" as code, _]:
            return FAMILIES[f"hitmusicnet_{code}_a"]
        case _:
            return family


def _batch_size(published: int | None, rows: int) -> int:
    return min(published or BATCH, max(rows // FEWEST_STEPS, SMALLEST_BATCH))


def _is_convolutional(family: Family) -> bool:
    """Whether bfloat16 makes it faster: it makes dense layers alone slower."""
    return family.input_kind == "log-mel crops" or (family.input_kind == "log-mel" and family.name != "hiphop_mlp")


def wants_channels_last(family: Family, plan: TrainingPlan) -> bool:
    """Whether channels last make it faster, where bfloat16 is used.

    On a CPU twice so for the nets with few channels, and slower for the CRNN, whose convolutions are larger.
    """
    is_crnn = family.name == "hiphop_crnn" and not plan.device.startswith("cuda")
    return plan.mixed_precision and family.input_kind == "log-mel" and not is_crnn


def default_configuration(family: Family, given: Configuration | None) -> Configuration | None:
    """The configuration of Autoen-chorder: the one that is given, or the published one; None for other nets.

    Raises:
        ValueError: one is given to another net, or it has another number of layers than the family.
    """
    is_final = family.name.startswith("autoenchorder_")
    if given is None:
        # The rate is only in a picture of the blog.
        return best_published(family.recipe.learning_rate, int(family.name[14:])) if is_final else None
    if not is_final or family.name != f"autoenchorder_{given.layers}":
        raise ValueError(
            f"a configuration of {given.layers} layers is for autoenchorder_{given.layers}, not {family.name}"
        )
    return given


def departures(family: Family, size: InputSize, plan: TrainingPlan) -> tuple[str, ...]:
    """In which ways this training is not the published one, in words; empty: as published, or ours."""
    if family.document == "ours":
        return ()
    recipe, found = family.recipe, list(family.departures(size))
    if recipe.epochs is not None and plan.epochs < recipe.epochs:
        found.append(f"at most {plan.epochs} epochs, not {recipe.epochs}")
    if recipe.batch_size is not None and plan.batch_size < recipe.batch_size:
        found.append(f"batches of {plan.batch_size}, not {recipe.batch_size}")
    if recipe.patience is None:
        found.append(
            f"ends after {plan.patience} epochs without a better validation score; the source names no such end"
        )
    return tuple(found)
