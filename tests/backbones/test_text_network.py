"""The encoder's network: pooling, stages, padding that is not seen, and weights that do or do not fit."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch

from regraft.backbones.encoders import find_encoder
from regraft.backbones.text_network import read_tensors
from regraft.errors import UsageError, WeightsError

KINDS = ["bert", "roberta", "mpnet", "distilbert"]


def run(network, ids):
    with torch.inference_mode():
        return network(torch.tensor(ids)).numpy()


@pytest.fixture(scope="module")
def folders(tmp_path_factory, write_encoder):
    return {kind: write_encoder(tmp_path_factory.mktemp(kind), kind) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_stages_of_every_kind(folders, kind):
    network = find_encoder(folders[kind]).build()
    stages = network.stages()
    assert list(stages) == ["embeddings", "layer.0", "layer.1", "layer.2"]
    assert not network.training
    inside = {id(p) for stage in stages.values() for p in stage.parameters()}
    apart = [name for name, p in network.named_parameters() if id(p) not in inside]
    assert all("relative_attention_bias" in name for name in apart)  # MPNet's layers share one


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pool", ["avg", "max", "first"])
def test_what_fills_up_is_not_seen(folders, kind, pool):
    network = find_encoder(folders[kind], pool=pool).build()
    alone = run(network, [[2, 5, 6, 3]])
    beside = run(network, [[2, 5, 6, 3, 0, 0, 0], [2, 7, 8, 9, 10, 11, 3]])
    assert np.allclose(alone[0], beside[0], atol=1e-5)
    assert np.abs(beside[0] - beside[1]).max() > 1e-3


def test_pooling(encoder):
    ids = [[2, 5, 6, 3]]
    found = {pool: run(find_encoder(encoder, pool=pool).build(), ids)[0] for pool in ("avg", "max", "first")}
    with torch.inference_mode():
        mask = torch.ones(1, 4, dtype=torch.long)
        hidden = find_encoder(encoder).build().network(torch.tensor(ids), attention_mask=mask).last_hidden_state[0]
    assert np.allclose(found["avg"], hidden.mean(0), atol=1e-6)
    assert np.allclose(found["max"], hidden.amax(0), atol=1e-6)
    assert np.allclose(found["first"], hidden[0], atol=1e-6)


@pytest.mark.parametrize("pool", ["avg", "max"])
def test_a_text_without_pieces(encoder, pool):
    assert run(find_encoder(encoder, pool=pool).build(), [[0, 0]]).tolist() == [[0.0] * 16]


@pytest.mark.parametrize("kind", KINDS)
def test_layers(folders, kind):
    cut = find_encoder(folders[kind], layer="layer.1").build()
    assert list(cut.stages()) == ["embeddings", "layer.0", "layer.1"]
    whole = find_encoder(folders[kind]).build()
    with torch.inference_mode():
        ids = torch.tensor([[2, 5, 6, 3]])
        every = whole.network(ids, attention_mask=torch.ones_like(ids), output_hidden_states=True).hidden_states
    assert np.allclose(run(cut, [[2, 5, 6, 3]])[0], every[2][0].mean(0), atol=1e-5)


def test_weights_of_a_model_with_a_head(encoder, tmp_path):
    from safetensors.torch import load_file, save_file

    tensors = {f"bert.{name}": tensor for name, tensor in load_file(encoder / "model.safetensors").items()}
    old = {name.replace("LayerNorm.weight", "LayerNorm.gamma"): tensor for name, tensor in tensors.items()}
    file = tmp_path / "with-head.safetensors"
    save_file({**old, "classifier.weight": torch.zeros(2, 16)}, file)
    ids = [[2, 5, 6, 3]]
    assert np.array_equal(
        run(find_encoder(encoder, weights=file).build(), ids), run(find_encoder(encoder).build(), ids)
    )


def test_weights_that_do_not_fit(encoder, tmp_path):
    from safetensors.torch import load_file, save_file

    tensors = load_file(encoder / "model.safetensors")
    name = "embeddings.LayerNorm.bias"
    file = tmp_path / "mine.safetensors"
    save_file({**tensors, name: torch.zeros(3)}, file)
    with pytest.raises(WeightsError, match=rf"must fit its config.json, but file mine.safetensors has {name} of anoth"):
        find_encoder(encoder, weights=file).build()
    save_file({"other": torch.zeros(3)}, file)
    with pytest.raises(WeightsError, match=r"lacks embeddings\.\S+ and \d+ more; give the file that belongs to it"):
        find_encoder(encoder, weights=file).build()


@pytest.mark.parametrize("name", ["bad.safetensors", "bad.bin"])
def test_weights_that_cannot_be_read(tmp_path, name):
    (tmp_path / name).write_bytes(b"not a file of weights at all")
    with pytest.raises(WeightsError, match=rf"sound .safetensors or .bin file of tensors, but {name} cannot be read"):
        read_tensors(tmp_path / name)


def test_weights_that_would_run_code(tmp_path):
    class Runs:
        def __reduce__(self):
            return print, ("run",)

    torch.save({"weight": Runs()}, tmp_path / "bad.bin")
    with pytest.raises(WeightsError, match=r"bad.bin cannot be read"):
        read_tensors(tmp_path / "bad.bin")


def test_a_network_that_is_not_known(encoder, tmp_path):
    folder = tmp_path / "strange"
    shutil.copytree(encoder, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(
        json.dumps({**config, "model_type": "nobodys", "auto_map": {"AutoModel": "x.Y"}})
    )
    with pytest.raises(UsageError, match="of a kind that the package transformers knows, but strange is 'nobodys'"):
        find_encoder(folder).build()
