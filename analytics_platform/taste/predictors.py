"""From sound to factors: one contract for every family, from the bag of words of 2013 to our nets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

from analytics_platform.audio.spectrum import HOP, SAMPLE_RATE
from analytics_platform.modelling.splits import IntArray
from analytics_platform.modelling.training import Say
from analytics_platform.modelling.training_plan import Epoch, History, TrainingPlan
from analytics_platform.taste.aims import Aims, FloatArray
from analytics_platform.taste.bag_of_words import WORDS, words_for
from analytics_platform.taste.columns import fit_columns, restore_columns
from analytics_platform.taste.families import FAMILIES, TasteFamily
from analytics_platform.taste.net_inputs import COARSE_HOP
from analytics_platform.taste.net_training import How, NetModel, restore_model, train_net
from analytics_platform.taste.word_models import fit_words, restore_words
from analytics_platform.tracks.sound import Sound

if TYPE_CHECKING:
    from analytics_platform.tracks.predictors import Columns

POST_UPDATES = 750_000
POST_FRAMES = 599


class TasteModel(Protocol):
    """What has been learnt, of any kind."""

    def predict(self, sound: Sound, rows: IntArray) -> FloatArray:
        """(k, d)."""
        ...

    def save_state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Arrays, and the rest as JSON."""
        ...


@dataclass(frozen=True, slots=True)
class FittedTaste:
    """A way from sound to factors that has been learnt."""

    family: TasteFamily
    model: TasteModel
    departures: tuple[str, ...]
    """In which ways it is not what its source describes, in words."""
    histories: Mapping[str, History] = field(default_factory=dict[str, History])
    """``net``, of what is trained step by step."""

    def predict(self, sound: Sound, rows: IntArray) -> FloatArray:
        """Factors (k, d) of some clips; those of families with ``unit`` say a direction, not how popular a track is.

        Raises:
            ValueError: the clips lack what the family hears.
        """
        return self.model.predict(sound, rows)

    def save_state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Arrays, and the rest as JSON: what ``modelling.model_store.save_model`` takes."""
        arrays, info = self.model.save_state()
        return arrays, {
            "family": self.family.name,
            "learnt": info,
            "departures": list(self.departures),
            "histories": {stage: asdict(history) for stage, history in self.histories.items()},
        }


def restore_taste(arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any], device: str = "cpu") -> FittedTaste:
    """What ``FittedTaste.save_state`` gave; nets predict on ``device``."""
    family, learnt = FAMILIES[info["family"]], info["learnt"]
    if family.kind == "words":
        model: TasteModel = restore_words(arrays, learnt, device)
    elif family.kind == "columns":
        model = restore_columns(arrays, learnt)
    else:
        model = restore_model(family, arrays, learnt, device)
    histories = {
        stage: History(
            tuple(Epoch(**epoch) for epoch in history["epochs"]), history["best_epoch"], history["stopped_early"]
        )
        for stage, history in info["histories"].items()
    }
    return FittedTaste(family, model, tuple(info["departures"]), histories)


def fit_taste(
    family: TasteFamily,
    sound: Sound,
    aims: Aims,
    train: IntArray,
    validation: IntArray,
    *,
    seed: int,
    device: str,
    epochs: int | None,
    folder: Path,
    say: Say,
    hop: int | None = None,
    mixed_precision: bool = False,
) -> FittedTaste:
    """Learn a way from sound to factors, or go on with a training that was killed.

    Args:
        family: which.
        sound: of all tracks (n).
        aims: what is to be predicted, of the same tracks.
        train: rows that all is learnt from, scales, words and components too; those without factors are left out.
        validation: rows that choose the best epoch, or the penalty; likewise.
        seed: of first weights, order, crops, dropout and words.
        device: ``cpu``, ``cuda`` …
        epochs: at most; None: as many as the recipe.
        folder: of the checkpoints, named after the version of the sound; delete it when the model is stored.
        say: told of each epoch.
        hop: samples between frames of the paper's windows and words; None: the paper's 512 on a GPU, 1024 on a CPU.
        mixed_precision: compute in bfloat16 where that is faster.

    Raises:
        ValueError: the sound or the aims lack what the family needs, or a part has no track with factors.
    """
    needs = {"plays": aims.plays is not None and aims.listeners is not None, "further": bool(aims.further)}
    lacking = [each for each in family.needs if not needs.get(each, True)]
    if lacking:
        words = {"plays": "plays and the factors of listeners", "further": "further sets of factors"}
        raise ValueError(f"{family.name} needs {' and '.join(words[each] for each in lacking)}")
    if "further" not in family.needs and aims.further:
        # Tracks that only the further sets lack are not lost for the others.
        aims = Aims(aims.factors, (), aims.plays, aims.listeners, aims.wmf)
    train, validation = aims.learnable(train), aims.learnable(validation)
    how = How(seed, device, epochs, mixed_precision)
    hop = hop or (COARSE_HOP if device == "cpu" else HOP)
    if family.kind == "columns":
        columns: Columns = "sound and embedding" if "embeddings" in family.needs else "sound"
        return FittedTaste(family, fit_columns(sound, aims.targets(family.unit), train, validation, columns), ())
    if family.kind == "words":
        model, history = fit_words(family, sound, aims, train, validation, how, hop, folder, say)
        histories = {} if history is None else {"net": history}
        return FittedTaste(family, model, _departures(family, hop, len(train), None), histories)
    net, trained = train_net(family, sound, aims, train, validation, how, hop, folder, say)
    found = _departures(family, hop, len(train), net, len(trained.history.epochs))
    return FittedTaste(family, net, found, {"net": trained.history})


def _departures(family: TasteFamily, hop: int, rows: int, net: NetModel | None, epochs: int = 0) -> tuple[str, ...]:
    found: list[str] = []
    if family.document == "003 paper":
        found.append("spectrum windows of 2048 samples, not 1024")
        if hop != HOP:
            found.append(f"hop {hop}, not {HOP}")
    if family.kind == "words" and words_for(rows) < WORDS:
        found.append(f"at most {words_for(rows)} words, as many as tracks, not {WORDS}")
    if family.document == "003 post" and net is not None:
        frames = net.inputs.frames
        if frames != POST_FRAMES:
            seconds = frames * net.inputs.hop / SAMPLE_RATE
            found.append(f"hears {frames} frames ({seconds:.1f} s) at once, not {POST_FRAMES}")
        if net.outputs != 40 and not family.needs:
            found.append(f"{net.outputs} factors, not 40")
        found.append(f"{_updates(net.plan, rows, epochs):,} updates, not {POST_UPDATES:,}")
    return tuple(found)


def _updates(plan: TrainingPlan, rows: int, epochs: int) -> int:
    return epochs * -(-rows // plan.batch_size)


__all__ = ["FAMILIES", "Aims", "FittedTaste", "TasteFamily", "TasteModel", "fit_taste", "restore_taste"]
