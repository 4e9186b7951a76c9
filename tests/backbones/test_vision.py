"""Networks with their weights in them: the bundled ones, a user's files, none; and their features."""

import pickle
import re
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from sklearn.datasets import load_sample_images

from regraft.backbones.lookup import get_backbones
from regraft.backbones.vision import FeatureNetwork, _adapted, _compare, build, load_weights, read_state
from regraft.errors import UsageError, WeightsError

PHOTOS = load_sample_images().images
PALACE = 698  # of ImageNet's classes; the first photograph shows one


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    """What a user trained: the tensors of a small network, all of them away from how a network is born."""
    torch.manual_seed(1)
    network = timm.create_model("test_resnet", num_classes=10)
    return {n: t + torch.rand_like(t) if t.is_floating_point() else t for n, t in network.state_dict().items()}


def built(file: Path, name: str = "test_resnet", **settings) -> torch.nn.Module:
    return get_backbones(name, weights=file, **settings)[0].build()


def same_body(network: torch.nn.Module, state: dict[str, torch.Tensor]) -> bool:
    """Whether all tensors but those of the source task's classifier are the file's."""
    own = network.state_dict()
    return all(torch.equal(own[name], tensor) for name, tensor in state.items() if not name.startswith("fc."))


# --- bundled weights --------------------------------------------------------------------------------


@pytest.mark.parametrize(("level", "count"), [(0, 296), (1, 386), (2, 386)])
def test_every_tensor_of_the_bundled_weights_has_its_place(level, count):
    backbone = get_backbones(f"tf_efficientnet_lite{level}")[0]
    given = read_state(backbone.weights.fetch())
    own = backbone.build().state_dict()
    assert len(given) == len(own) == count
    assert all(torch.equal(a, b) for a, b in zip(own.values(), given.values(), strict=True))
    # Same tensors, same order: the two libraries' names agree wherever both tell what a tensor is.
    for a, b in zip(own, given, strict=True):
        assert a.rsplit(".", 1)[1] == b.rsplit(".", 1)[1]


@pytest.fixture(scope="module")
def lite0() -> torch.nn.Module:
    return get_backbones("tf_efficientnet_lite0")[0].build()


def shown(network: torch.nn.Module, name: str, photo: np.ndarray) -> torch.Tensor:
    """The source task's own logits (1000,) for a photograph."""
    pixels = get_backbones(name)[0].preprocessing
    image = torch.from_numpy(pixels.apply(photo)).permute(2, 0, 1)[None].float() / 255
    image = (image - torch.tensor(pixels.mean).view(3, 1, 1)) / torch.tensor(pixels.std).view(3, 1, 1)
    with torch.no_grad():
        return network(image)[0]


def test_bundled_weights_recognise_a_palace(lite0):
    assert not lite0.training
    assert shown(lite0, "tf_efficientnet_lite0", PHOTOS[0]).argmax() == PALACE
    assert shown(lite0, "tf_efficientnet_lite0", PHOTOS[1]).argmax() != PALACE


def test_features_are_what_the_classifier_would_have_seen(lite0):
    backbone = get_backbones("tf_efficientnet_lite0")[0]
    pixels = backbone.preprocessing.apply(PHOTOS[0])
    with torch.no_grad():
        features = FeatureNetwork(lite0, backbone)(torch.from_numpy(pixels)[None].float())
        logits = lite0.get_classifier()(features)[0]
    assert torch.allclose(logits, shown(lite0, "tf_efficientnet_lite0", PHOTOS[0]), atol=1e-3)


@pytest.mark.parametrize("photo", PHOTOS, ids=["palace", "flower"])
def test_features_agree_with_those_of_timms_own_preprocessing(lite0, photo):
    from PIL import Image
    from timm.data import create_transform, resolve_data_config

    backbone = get_backbones("tf_efficientnet_lite0")[0]
    usual = create_transform(**resolve_data_config({}, model=lite0))(Image.fromarray(photo))[None]
    pixels = torch.from_numpy(backbone.preprocessing.apply(photo))[None].float()
    with torch.no_grad():
        expected = lite0.forward_head(lite0.forward_features(usual), pre_logits=True)
        found = FeatureNetwork(lite0, backbone)(pixels)
    assert torch.cosine_similarity(found, expected) > 0.98


# --- files ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["safetensors", "pth", "pth, zipped the old way"])
def test_a_file_of_the_same_names(form, state, tmp_path):
    file = tmp_path / f"w.{form[:11].split(',')[0]}"
    if form == "safetensors":
        save_file(state, file)
    else:
        torch.save(state, file, _use_new_zipfile_serialization=form == "pth")
    network = built(file)
    assert same_body(network, state)
    assert not network.training


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"model": state, "optimizer": {"lr": 0.1}},
        lambda state: {"model_state_dict": OrderedDict(state)},
        lambda state: {"state_dict": {f"module.{n}": t for n, t in state.items()}},
        lambda state: {f"model.{n}": t for n, t in state.items()},
        lambda state: {f"module.backbone.{n}": t for n, t in state.items()},
        lambda state: {n: t for n, t in state.items() if not n.startswith("fc.")},
        lambda state: {n: t for n, t in state.items() if not n.endswith("num_batches_tracked")},
        lambda state: {**state, "aux.weight": torch.zeros(3)},
    ],
    ids=["state_dict", "model", "model_state_dict", "module.", "model.", "two prefixes", "headless", "old", "extra"],
)
def test_the_ways_people_save_weights(wrap, state, tmp_path):
    torch.save(wrap(state), tmp_path / "w.pth")
    assert same_body(built(tmp_path / "w.pth"), state)


def test_other_names_in_the_same_order(tmp_path):
    network = timm.create_model("test_resnet")
    torch.save({f"layer_{i}": t + 1 for i, t in enumerate(network.state_dict().values())}, tmp_path / "w.pth")
    found = built(tmp_path / "w.pth").state_dict()
    assert all(
        torch.equal(tensor, torch.load(tmp_path / "w.pth")[f"layer_{i}"]) for i, tensor in enumerate(found.values())
    )


def test_what_does_not_fit_is_listed(state, tmp_path):
    wrong = dict(state)
    del wrong["layer1.0.conv1.weight"], wrong["layer2.0.conv1.weight"]
    wrong["conv1.0.weight"] = torch.zeros(1, 2, 3)
    wrong["blocks.7.weight"] = torch.zeros(1)
    torch.save(wrong, tmp_path / "mine.pth")
    shape = re.escape(str(tuple(state["conv1.0.weight"].shape)))
    with pytest.raises(WeightsError, match=r"mine.pth must fit the backbone tensor by tensor") as told:
        built(tmp_path / "mine.pth")
    text = str(told.value)
    assert re.search(r"2 tensors are missing \(layer1.0.conv1.weight, layer2.0.conv1.weight\)", text)
    assert re.search(rf"1 have another shape \(conv1.0.weight is \(1, 2, 3\), must be {shape}\)", text)
    assert re.search(r"1 are of another network \(blocks.7.weight\)", text)
    assert "--backbone" in text


def test_a_long_list_of_what_does_not_fit_is_cut(state, tmp_path):
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"tensors are missing \(([\w.]+, ){5}\.\.\.\)"):
        built(tmp_path / "w.pth", "test_convnext")


class Malicious:
    """A pickle that runs a command when it is read."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return Path.touch, (self.trace,)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("how", ["torch", "pickle"])
def test_a_malicious_file_is_refused_and_does_not_run(how, state, tmp_path):
    content = {**state, "extra": Malicious(tmp_path / "it-ran")}
    if how == "torch":
        torch.save(content, tmp_path / "w.pth")
    else:
        (tmp_path / "w.pth").write_bytes(pickle.dumps({"extra": content["extra"]}))
    with pytest.raises(WeightsError, match=r"w.pth must be a .safetensors file, or a .pth file of plain tensors"):
        built(tmp_path / "w.pth")
    assert not (tmp_path / "it-ran").exists()
    if how == "pickle":
        pickle.loads((tmp_path / "w.pth").read_bytes())
        assert (tmp_path / "it-ran").exists()  # else this test would show nothing


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
@pytest.mark.parametrize("content", [b"", b"not weights", b"\x80\x02}q\x00."], ids=["empty", "text", "no tensors"])
def test_a_damaged_file_is_one_sentence(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError, match=f"The weights file {name} must") as told:
        built(tmp_path / name)
    assert "\n" not in str(told.value)


def test_a_truncated_file_is_one_sentence(state, tmp_path):
    for name in ("w.pth", "w.safetensors"):
        file = tmp_path / name
        save_file(state, file) if name.endswith("s") else torch.save(state, file)
        file.write_bytes(file.read_bytes()[:-1000])
        with pytest.raises(WeightsError, match="could not be read"):
            read_state(file)


def test_a_file_of_something_else_than_tensors(tmp_path):
    torch.save({"epoch": 3, "names": ["a"]}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"w.pth must hold named tensors; save the network's state_dict\(\)"):
        built(tmp_path / "w.pth")
    torch.save(torch.zeros(3), tmp_path / "t.pth")
    with pytest.raises(WeightsError, match="must hold named tensors"):
        built(tmp_path / "t.pth")


def test_names_that_begin_like_a_wrapper_are_left_alone(tmp_path):
    class Wrapped(torch.nn.Module):
        pretrained_cfg: dict[str, str] = {}  # noqa: RUF012

        def __init__(self):
            super().__init__()
            self.model = torch.nn.Linear(2, 2)

    network = Wrapped()
    torch.save({n: t + 1 for n, t in network.state_dict().items()}, tmp_path / "w.pth")
    expected = network.model.weight + 1
    load_weights(network, tmp_path / "w.pth")
    assert torch.equal(network.model.weight, expected)


# --- no weights, other sizes, other pools -----------------------------------------------------------


def test_random_weights_are_the_same_every_time_and_leave_the_seed_alone():
    backbone = get_backbones("test_resnet", weights="none")[0]
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    first = build(backbone).state_dict()
    assert torch.equal(torch.rand(3), expected)
    torch.manual_seed(99)
    second = build(backbone).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def features(backbone, network=None) -> torch.Tensor:
    size = backbone.preprocessing.size
    pixels = torch.from_numpy(np.stack([backbone.preprocessing.apply(photo) for photo in PHOTOS])).float()
    assert pixels.shape == (2, size, size, 3)
    with torch.no_grad():
        return FeatureNetwork(network or backbone.build(), backbone).eval()(pixels)


@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "test_convnext", "test_efficientnet"])
def test_larger_inputs(name):
    own, larger = (get_backbones(name, weights="none", image_size=size)[0] for size in (None, 224))
    assert features(own).shape == features(larger).shape == (2, own.feature_dim)
    flat = get_backbones(name, weights="none", image_size=224, pool="none")[0]
    assert features(flat).shape[1] > features(replace(flat, preprocessing=own.preprocessing)).shape[1]


def test_larger_inputs_with_a_file_stretch_its_position_embeddings(tmp_path):
    trained = {n: t + 0.01 for n, t in timm.create_model("test_vit").state_dict().items()}
    torch.save(trained, tmp_path / "w.pth")
    network = built(tmp_path / "w.pth", "test_vit", image_size=224)
    own = network.state_dict()
    assert own["pos_embed"].shape[1] > trained["pos_embed"].shape[1]
    assert own["pos_embed"].mean() == pytest.approx(float(trained["pos_embed"].mean()), abs=1e-3)
    assert torch.equal(own["blocks.0.attn.qkv.weight"], trained["blocks.0.attn.qkv.weight"])


@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "test_convnext", "test_mambaout"])
def test_pools_of_one_feature_map(name):
    """The flattened map, folded back, has the maximum and (for plain averages) the mean of the other two."""
    backbone = get_backbones(name, weights="none")[0]
    network = backbone.build()
    average, highest, flat = (features(replace(backbone, pool=pool), network) for pool in ("avg", "max", "none"))
    channels = highest.shape[1]
    assert channels == network.num_features
    folded = flat.reshape(2, channels, -1)
    assert torch.equal(folded.amax(2), highest)
    if name == "test_resnet":
        assert torch.allclose(folded.mean(2), average, atol=1e-4)
    assert average.shape == (2, backbone.feature_dim)


def test_scores_are_the_source_tasks_probabilities(lite0):
    backbone = get_backbones("tf_efficientnet_lite0", pool="scores")[0]
    scores = features(backbone, lite0)
    assert scores.shape == (2, 1000)
    assert torch.allclose(scores[0], shown(lite0, "tf_efficientnet_lite0", PHOTOS[0]).softmax(0), atol=1e-3)


def test_scores_need_a_classifier(state, tmp_path):
    with pytest.raises(UsageError, match="--pool scores must have a network with a classifier, but cnn3 has none"):
        get_backbones("cnn3", pool="scores")[0].build()
    torch.save({n: t for n, t in state.items() if not n.startswith("fc.")}, tmp_path / "headless.pth")
    built(tmp_path / "headless.pth")
    with pytest.raises(WeightsError, match=r"headless.pth .*2 tensors are missing \(fc.weight, fc.bias\)"):
        built(tmp_path / "headless.pth", pool="scores")


@pytest.mark.parametrize("name", ["vgg16", "vgg19", "resnet50", "inception_v3"])
def test_torchvisions_own_checkpoints_fit(name):
    """By names and shapes: torchvision's networks and ours without numbers, as a file of them would be read."""
    import torchvision

    settings = {"init_weights": False} if name == "inception_v3" else {}
    with torch.device("meta"):
        theirs = getattr(torchvision.models, name)(**settings).state_dict()
        network = timm.create_model(name)
        assert _compare(network, _adapted(network, dict(theirs)), classifier=True) == ([], [])


@pytest.mark.parametrize(("name", "size"), [("resnet50", 64), ("inception_v3", 96)])
def test_published_networks_with_random_weights_run(name, size):
    backbone = get_backbones(name, weights="none", image_size=size)[0]
    found = features(backbone)
    assert found.shape == (2, 2048)
    assert found.isfinite().all()
    assert not torch.equal(found[0], found[1])


def test_vgg_features_are_its_last_map_and_not_its_dense_layers():
    backbone = get_backbones("vgg16", pool="avg")[0]
    with torch.device("meta"), torch.no_grad():
        network = FeatureNetwork(timm.create_model("vgg16").eval(), backbone)
        assert network(torch.empty(1, 224, 224, 3)).shape == (1, 512)


def test_a_network_of_several_maps_can_only_be_averaged():
    backbone = get_backbones("coat_tiny", pool="max")[0]
    with torch.device("meta"), torch.no_grad():
        network = FeatureNetwork(timm.create_model("coat_tiny").eval(), backbone)
        with pytest.raises(UsageError, match="--pool must be avg for this network, not max"):
            network(torch.empty(1, 224, 224, 3))


def test_pixels_are_normalised_as_the_weights_expect():
    backbone = get_backbones("test_resnet", weights="none")[0]
    network = backbone.build()
    pixels = torch.from_numpy(backbone.preprocessing.apply(PHOTOS[0]))[None]
    with torch.no_grad():
        mean, std = (torch.tensor(v).view(3, 1, 1) for v in (backbone.preprocessing.mean, backbone.preprocessing.std))
        image = (pixels.permute(0, 3, 1, 2) / 255 - mean) / std
        expected = network.forward_head(network.forward_features(image), pre_logits=True)
        found = FeatureNetwork(network, backbone)(pixels.float())
    assert torch.allclose(found, expected, atol=1e-4)


# --- stages -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "test_convnext", "swin_tiny_patch4_window7_224"])
def test_stages_side_by_side_are_averages_of_what_each_puts_out(name):
    backbone = replace(get_backbones(name, weights="none")[0], pool="stages")
    widths = backbone.stage_widths()
    network = FeatureNetwork(backbone.build(), backbone).eval()
    size = backbone.preprocessing.size
    pixels = torch.randint(0, 255, (2, size, size, 3)).float()
    kept = {}
    for stage in widths:
        network.network.get_submodule(stage).register_forward_hook(
            lambda part, arguments, output, stage=stage: kept.update({stage: output.clone()})
        )
    with torch.no_grad():
        found = network(pixels).split(list(widths.values()), dim=1)
    for (stage, width), values in zip(widths.items(), found, strict=True):
        channels = next(axis for axis, length in enumerate(kept[stage].shape) if axis and length == width)
        others = [axis for axis in range(1, kept[stage].ndim) if axis != channels]
        assert torch.allclose(values, kept[stage].mean(others), rtol=1e-4, atol=1e-6), stage


def test_the_topmost_stage_is_the_usual_feature_vector(lite0):
    backbone = get_backbones("tf_efficientnet_lite0")[0]
    pixels = torch.from_numpy(backbone.preprocessing.apply(PHOTOS[0]))[None].float()
    with torch.no_grad():
        usual = FeatureNetwork(lite0, backbone)(pixels)
        staged = FeatureNetwork(backbone.build(), replace(backbone, pool="stages"))(pixels)
    assert list(backbone.stage_widths()) == [
        *("conv_stem", "bn1", *(f"blocks.{i}" for i in range(7)), "conv_head", "bn2"),
    ]
    assert torch.allclose(staged[:, -1280:], usual, atol=1e-5)


def test_stages_are_not_offered_for_a_classifier():
    with pytest.raises(UsageError, match=r"--pool must be auto, avg, .*, not 'stages'"):
        get_backbones("test_resnet", weights="none", pool="stages")
