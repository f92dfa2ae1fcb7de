"""The published weights of MusiCNN: what they are, where they come from, and what they say.

pip downloads the wheel for these tests (29 MB); where it can't, they are skipped and say so.
"""

from __future__ import annotations

import ast
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

from analytics_platform.audio.embeddings import WeightsError, available_embedders
from analytics_platform.audio.musicnn import TAGS, MusiCNN
from analytics_platform.audio.musicnn_weights import REQUIREMENT, download_wheel, fetch_musicnn, load_musicnn
from analytics_platform_tests.audio.nets import song

# The network of the package itself in TensorFlow 2.21, fed by librosa 0.11 in float32, on song(12): means over windows.
PUBLISHED_TAGS = [
    *(0.025249, 0.023892, 0.054143, 0.111731, 0.519250, 0.106145, 0.035196, 0.017759, 0.006922, 0.006214),
    *(0.022910, 0.002147, 0.066504, 0.001478, 0.000413, 0.002375, 0.021343, 0.013132, 0.152038, 0.001206),
    *(0.009414, 0.002655, 0.015091, 0.021398, 0.003093, 0.000182, 0.002470, 0.000592, 0.150223, 0.006264),
    *(0.155800, 0.007905, 0.002082, 0.005664, 0.000190, 0.003351, 0.000123, 0.001540, 0.006051, 0.001735),
    *(0.001134, 0.099353, 0.000469, 0.002441, 0.000207, 0.001024, 0.016172, 0.004055, 0.021059, 0.001158),
]
PUBLISHED_VECTOR = [
    *(-0.177176, -0.095921, -0.284826, -0.275121, -0.353151, 0.527663, -0.257406, 0.709119, -0.076863, 2.740766),
    *(-0.180363, 0.984945, -0.111834, -0.188633, -0.347311, -0.421340, -0.228549, 0.502793, 0.321371, -0.348413),
]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        return download_wheel(tmp_path_factory.mktemp("wheel"))
    except WeightsError as error:
        pytest.skip(f"the published weights of MusiCNN are NOT tested: {error}")


@pytest.fixture(scope="module")
def folder(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pretrained") / MusiCNN.name
    fetch_musicnn(folder, wheel)
    return folder


@pytest.fixture
def no_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pip finds no package, as without a network."""
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", "https://somebody:hunter2@localhost:1/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")


def test_the_published_net_says_what_it_says_in_tensorflow(folder: Path) -> None:
    heard = MusiCNN(load_musicnn(folder)).embed(song(12))
    assert heard.tags is not None
    np.testing.assert_allclose(heard.tags, PUBLISHED_TAGS, atol=1e-5)
    np.testing.assert_allclose(heard.pooled[:20], PUBLISHED_VECTOR, atol=1e-4)
    assert TAGS[int(heard.tags.argmax())] == "electronic"


def test_every_weight_is_used(folder: Path) -> None:
    """A net with another value in any tensor hears something else."""
    weights = load_musicnn(folder)
    sound = song(3)
    known = MusiCNN(weights).embed(sound)
    assert len(weights) == 64
    for name, array in weights.items():
        heard = MusiCNN(weights | {name: array * 1.5 + 0.5}).embed(sound)
        assert heard.tags is not None
        assert np.abs(heard.tags - known.tags).max() > 1e-6, name


def test_the_tags_are_those_of_the_package_in_its_order(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        tree = ast.parse(archive.read("musicnn/configuration.py"))
    named = {node.targets[0].id: node.value for node in tree.body if isinstance(node, ast.Assign)}  # type: ignore
    assert list(TAGS) == ast.literal_eval(named["MSD_LABELS"])


def test_what_is_there_is_not_fetched_again(folder: Path, no_index: None) -> None:
    before = (folder / "weights.safetensors").stat()
    assert fetch_musicnn(folder).stat() == before
    (embedder,) = available_embedders(folder.parent)
    assert (embedder.name, embedder.weights, embedder.dim) == ("musicnn_msd", "b9df84da335282eb", 200)


def test_without_a_network_the_error_says_what_to_do_and_no_password(tmp_path: Path, no_index: None) -> None:
    with pytest.raises(WeightsError) as caught:
        fetch_musicnn(tmp_path / "musicnn_msd")
    assert f"pip download --no-deps {REQUIREMENT}" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert available_embedders(tmp_path) == []


def test_another_wheel_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    other = tmp_path / "musicnn-0.1.0-py3-none-any.whl"
    with ZipFile(other, "w") as archive:
        archive.writestr("musicnn/MSD_musicnn/.index", b"")
    with pytest.raises(WeightsError, match="SHA-256 differs"):
        fetch_musicnn(tmp_path / "weights", other)
    with pytest.raises(WeightsError, match="cannot be read"):
        fetch_musicnn(tmp_path / "weights", tmp_path / "no.whl")
    assert not (tmp_path / "weights").exists()


def test_weights_that_were_changed_are_refused(folder: Path, tmp_path: Path) -> None:
    content = bytearray((folder / "weights.safetensors").read_bytes())
    content[-1] ^= 1
    (tmp_path / "weights.safetensors").write_bytes(content)
    with pytest.raises(WeightsError, match="does not hold the published weights"):
        load_musicnn(tmp_path)
    (tmp_path / "weights.safetensors").write_bytes(content[:100])
    with pytest.raises(WeightsError, match="not a safetensors file"):
        load_musicnn(tmp_path)
