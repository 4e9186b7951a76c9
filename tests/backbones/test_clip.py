"""Models of images and texts through open_clip, with a tiny one that is drawn and not learnt."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

open_clip = pytest.importorskip("open_clip")

import torch  # noqa: E402
from PIL import Image  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

from regraft.backbones import clip  # noqa: E402
from regraft.backbones.clip import clip_backbone, embed_prompts  # noqa: E402
from regraft.backbones.weights import HubWeights, UrlWeights  # noqa: E402
from regraft.errors import UsageError, WeightsError  # noqa: E402

CONFIG = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clip")
    (folder / "tiny-clip.json").write_text(json.dumps(CONFIG))
    open_clip.add_model_config(folder / "tiny-clip.json")
    torch.manual_seed(7)
    model = open_clip.create_model("tiny-clip")
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, folder / "tiny.safetensors")
    return folder / "tiny.safetensors"


@pytest.fixture(scope="module")
def model(weights: Path):
    found = open_clip.create_model("tiny-clip")
    found.load_state_dict(open_clip.factory.load_state_dict(str(weights)))
    return found.eval()


def test_the_backbone(weights):
    backbone = clip_backbone("tiny-clip", weights)
    assert (backbone.name, backbone.architecture, backbone.feature_dim) == ("tiny-clip", "open_clip.tiny.clip", 16)
    pixels = backbone.preprocessing
    assert (pixels.size, pixels.crop, pixels.resize) == (32, 1.0, "crop")
    assert pixels.mean == pytest.approx(open_clip.OPENAI_DATASET_MEAN)


def test_images_and_texts_are_open_clips_own(weights, model, colours):
    from regraft.features.extraction import extract

    backbone = clip_backbone("tiny-clip", weights)
    files = sorted((colours / "red").iterdir())[:3]
    found = extract(files, [file.name for file in files], [backbone], precisions=["f32"])
    prepare = open_clip.transform.image_transform_v2(
        open_clip.transform.PreprocessCfg(**model.visual.preprocess_cfg), False
    )
    with torch.inference_mode():
        images = model.encode_image(torch.stack([prepare(Image.open(file).convert("RGB")) for file in files]))
        prompts = ["a photo of a cat.", *(put("cat") for put in open_clip.SIMPLE_IMAGENET_TEMPLATES)]
        text = model.encode_text(open_clip.get_tokenizer("tiny-clip")(prompts), normalize=True).mean(dim=0)
    ours = found.values / np.linalg.norm(found.values, axis=1, keepdims=True)
    theirs = (images / images.norm(dim=1, keepdim=True)).numpy()
    assert (ours * theirs).sum(axis=1) == pytest.approx(1, abs=0.02)  # images shrink in another way
    [vector], scale = embed_prompts(backbone, ["cat"], [""])
    assert vector == pytest.approx((text / text.norm()).numpy(), abs=1e-5)
    assert scale == pytest.approx(model.logit_scale.exp().item())


def test_a_free_text_counts_as_much_as_the_templates(weights):
    backbone = clip_backbone("tiny-clip", weights)
    (plain, told, _), _ = embed_prompts(backbone, ["cat", "cat", "dog"], ["", "an animal that purrs", ""])
    assert np.linalg.norm(told) == pytest.approx(1, abs=1e-5)
    assert not np.allclose(plain, told)


def test_weights_that_do_not_fit(weights, tmp_path):
    backbone = clip_backbone("tiny-clip", weights)
    save_file({"visual.proj": torch.zeros(3, 3)}, tmp_path / "other.safetensors")
    other = replace(backbone, weights=clip.FileWeights(tmp_path / "other.safetensors"))
    words = (
        "The weights file other.safetensors must fit the model tensor by tensor, but .* choose the model they belong"
    )
    with pytest.raises(WeightsError, match=words):
        other.build()
    with pytest.raises(WeightsError, match=words):
        embed_prompts(other, ["cat"], [""])


def test_unknown_models_and_weights(weights, tmp_path):
    with pytest.raises(
        UsageError, match=r"--clip must be a model of open_clip, .* not 'ViT-B-322'. Did you mean 'ViT-B-32'"
    ):
        clip_backbone("ViT-B-322", weights)
    with pytest.raises(UsageError, match=r"neither a file nor one of these: 'nope'; ViT-B-32 must have .* openai"):
        clip_backbone("ViT-B-32", "nope")
    with pytest.raises(UsageError, match=r"--weights FILE.TAG is needed; tiny-clip must have .* no published ones"):
        clip_backbone("tiny-clip", None)


def test_published_weights_are_named_and_not_fetched():
    [found, settings] = clip._weights(open_clip, "ViT-B-32", "laion2b_s34b_b79k")
    assert found == HubWeights("laion/CLIP-ViT-B-32-laion2B-s34B-b79K", "not stated", "open_clip_model.safetensors")
    assert settings["interpolation"] == "bicubic"
    cfg = {"url": "https://example.org/w.pt", "hf_hub": "", "quick_gelu": True}
    library = type(
        "Library",
        (),
        {"list_pretrained_tags_by_model": lambda self, n: ["t"], "get_pretrained_cfg": lambda self, n, t: cfg},
    )
    [found, settings] = clip._weights(library(), "x", "t")
    assert (found, settings) == (UrlWeights("https://example.org/w.pt", "not stated"), {"quick_gelu": True})


def test_images_that_are_prepared_in_another_way():
    pixels = {"size": 32, "mean": (0, 0, 0), "std": (1, 1, 1), "interpolation": "bicubic", "resize_mode": "longest"}
    with pytest.raises(UsageError, match="square images, cropped or stretched, but x takes 32 pixels by 'longest'"):
        clip._preprocessing("x", pixels)
    with pytest.raises(UsageError, match=r"takes \(32, 64\) pixels"):
        clip._preprocessing("x", {**pixels, "size": (32, 64), "resize_mode": "shortest"})
    assert clip._preprocessing("x", {**pixels, "size": (32, 32), "resize_mode": "squash"}).resize == "stretch"


def test_a_saved_classifier_of_a_model_that_is_gone(weights):
    backbone = replace(clip_backbone("tiny-clip", weights), architecture="open_clip.no.such.model")
    with pytest.raises(UsageError, match="The installed open_clip must have the model no-such-model, but has not"):
        backbone.build()


def test_without_open_clip(monkeypatch, weights):
    monkeypatch.setattr("regraft._optional.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r'needs the package open_clip, .*`pip install "regraft\[clip\]"`'):
        clip_backbone("ViT-B-32", weights)
