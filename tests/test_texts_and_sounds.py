"""From texts and recordings to a saved classifier that names others, by the road that images take."""

import json

import numpy as np
import pytest

import regraft
from regraft.data.dataset import TASK, Dataset
from regraft.errors import DataError, UsageError
from regraft.evaluation.strange_sounds import strange_sounds
from regraft.evaluation.strange_texts import strange_texts
from regraft.persistence import VERSION, Bundle


def dataset(make, modality):
    examples, names = make()
    kinds, y = np.unique([name.split()[0] for name in names], return_inverse=True)
    data = Dataset(examples, tuple(names), {TASK: y.astype(np.int64)}, {TASK: tuple(kinds)}, modality=modality)
    return data.with_split(np.where(np.arange(len(names)) % 3 == 0, "test", "train"))


@pytest.fixture(scope="module", params=["text", "audio"])
def fitted(request, tmp_path_factory):
    make = strange_texts if request.param == "text" else strange_sounds
    data = dataset(make, request.param)
    result = regraft.fit(data)
    folder = regraft.write_run(result, tmp_path_factory.mktemp("run") / "out")
    return request.param, data, result, folder


def test_a_run_is_fitted_measured_and_written(fitted):
    modality, _data, result, folder = fitted
    test = result.evaluations["test"]
    assert test.n == 20 and test.accuracy > 0.85
    figures = json.loads((folder / "result.json").read_text())
    assert figures["metrics"]["test"]["n"] == 20
    assert Bundle(folder / "model.regraft").manifest["version"] == VERSION
    page = (folder / "report.html").read_text()
    things = {"text": "texts", "audio": "recordings"}[modality]
    assert things in page and ("<audio" in page) == (modality == "audio")


def test_what_is_saved_says_the_same(fitted):
    _, data, result, folder = fitted
    loaded = regraft.Classifier.load(folder / "model.regraft")
    assert loaded.modality == data.modality
    test = data.take(data.part("test"))
    np.testing.assert_allclose(loaded.predict_proba(test), result.test_probabilities, atol=2e-3)
    assert regraft.evaluate(loaded, data).evaluation.accuracy == result.evaluations["test"].accuracy


def test_the_control_is_of_the_same_kind(fitted):
    modality, _, result, _ = fitted
    control = result.evidence.control
    assert control is not None
    assert control.control == {"text": "TF-IDF of the words", "audio": "the spectrograms' raw pixels alone"}[modality]


def test_another_kind_is_refused_in_words(fitted, tmp_path):
    _modality, _, result, _ = fitted
    with pytest.raises(DataError, match=r"This classifier names (texts|recordings), but .* holds images"):
        result.classifier.predict(np.zeros((8, 8, 3), np.uint8))


def test_options_for_images_are_refused_for_texts():
    with pytest.raises(UsageError, match=r"--image-size is for images, but the data are texts; leave it out"):
        regraft.fit(dataset(strange_texts, "text"), image_size=64)
    with pytest.raises(UsageError, match=r"--strategy scratch is for images and recordings"):
        regraft.fit(dataset(strange_texts, "text"), strategy="scratch")
    with pytest.raises(UsageError, match=r"Zero-shot names images, but the data are texts"):
        regraft.zeroshot(dataset(strange_texts, "text"))


def test_texts_are_compared_with_tf_idf():
    found = regraft.compare(dataset(strange_texts, "text"), strategies=("probe",))
    assert found.verdict.scratch == "TF-IDF of the words" and found.verdict.gain is not None
    assert "TF-IDF of the words names" in found.verdict.text


def test_a_layer_that_does_not_exist_is_refused_with_those_there_are():
    with pytest.raises(
        UsageError, match=r"--layer must be auto or one of this network's stages .*Did you mean 'blocks.3'"
    ):
        regraft.fit(dataset(strange_sounds, "audio"), layer="block.3")
    with pytest.raises(UsageError, match=r"--layer of all-MiniLM-L6-v2 must be layer.0 to layer.5, not 'blocks.3'"):
        regraft.fit(dataset(strange_texts, "text"), layer="blocks.3")
    with pytest.raises(UsageError, match=r"--pool scores takes the class scores of the whole network"):
        regraft.fit(dataset(strange_sounds, "audio"), layer="blocks.3", pool="scores")
    with pytest.raises(UsageError, match=r"--pool first is for texts"):
        regraft.fit(dataset(strange_sounds, "audio"), pool="first")


@pytest.mark.parametrize("windows", [2, 7])
def test_a_long_recording_is_the_mean_of_its_windows(windows):
    """Of seven windows the engine's first batch completes no recording."""
    from regraft.backbones.lookup import get_backbones
    from regraft.data.sounds import encode
    from regraft.features.extraction import extract

    [heard] = get_backbones(modality="audio")
    assert heard.sound is not None
    rate = heard.sound.rate
    rng = np.random.default_rng(0)
    samples = rng.normal(scale=0.1, size=int(windows * heard.sound.seconds * rate)).astype(np.float32)
    pictures = heard.sound.listen(encode(samples, rate))
    assert len(pictures) == windows
    whole = extract([encode(samples, rate)], ["a"], [heard], precisions=["f32"]).values[0]
    from dataclasses import replace

    as_images = replace(heard, modality="image", sound=None)
    parts = extract(pictures, [str(i) for i in range(windows)], [as_images], precisions=["f32"]).values
    np.testing.assert_allclose(whole, parts.mean(axis=0), rtol=1e-3, atol=1e-3)
