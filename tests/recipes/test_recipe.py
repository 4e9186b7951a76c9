"""The published experiments as data: every one loads, says what was published, and asks for what there is."""

from __future__ import annotations

import inspect
from dataclasses import replace

import pytest
import yaml

from regraft import pipeline
from regraft.backbones.lookup import get_backbones
from regraft.errors import UsageError
from regraft.finetuning.settings import Training
from regraft.recipes.recipe import METRICS, Published, load, names, parse

EVERY = [(name, variant) for name in names() for variant in load(name).variants]

SMALL = {
    "title": "Two colours",
    "summary": "A small one.",
    "data": "Squares.",
    "layout": "class folders",
    "split": {"train": 0.5, "test": 0.5},
    "seed": 1,
    "facts": ["They are red or blue."],
    "fit": {"strategy": "finetune", "backbone": "resnet18"},
    "training": {"epochs": 2, "batch_size": 8},
    "default": ["a"],
    "variants": {
        "a": {"title": "the first", "training": {"epochs": 3}, "published": [{"metric": "F1", "value": 0.5}]},
        "b": {"title": "the second", "fit": {"strategy": "probe"}},
    },
}


def small(**changes: object) -> str:
    return yaml.safe_dump({name: value for name, value in {**SMALL, **changes}.items() if value is not None})


# --- the recipes that there are -----------------------------------------------------------------------


def test_the_six_experiments() -> None:
    assert names() == [
        "cats-dogs-study",
        "dog-breeds-inception",
        "flowers-inception-bottleneck",
        "flowers-resnet50",
        "hotdog-resnet50",
        "signs-vgg19",
    ]


@pytest.mark.parametrize(
    ("name", "variant", "figures"),
    [
        ("flowers-resnet50", "resnet50", {("val", "accuracy"): 0.90}),
        ("signs-vgg19", "frozen", {("test", "accuracy"): 0.9167, ("test", "loss"): 0.27}),
        ("cats-dogs-study", "cnn3", {("val", "accuracy"): 0.72}),
        ("cats-dogs-study", "cnn4", {("val", "accuracy"): 0.78, ("test", "accuracy"): 0.78, ("test", "F1"): 0.78}),
        ("cats-dogs-study", "cnn4-augmented", {("val", "accuracy"): 0.82}),
        ("cats-dogs-study", "vgg16-bottleneck", {("val", "accuracy"): 0.88}),
        ("cats-dogs-study", "vgg16-augmented", {("val", "accuracy"): 0.90}),
        (
            "cats-dogs-study",
            "vgg16-fine-tuned",
            {("val", "accuracy"): 0.96, ("test", "accuracy"): 0.96, ("test", "F1"): 0.96},
        ),
        (
            "dog-breeds-inception",
            "frozen",
            {("val", "accuracy"): 0.80, ("test", "accuracy"): 0.86, ("test", "F1"): 0.86},
        ),
        ("hotdog-resnet50", "as-written", {("test", "accuracy"): 0.49}),
    ],
)
def test_published_figures(name: str, variant: str, figures: dict[tuple[str, str], float]) -> None:
    published = load(name).variants[variant].published
    assert {(f.part, f.metric): f.value for f in published if "seconds" not in f.metric} == figures


@pytest.mark.parametrize(
    ("name", "variant", "fit", "training"),
    [
        (
            "flowers-resnet50",
            "resnet50",
            {"image_size": 224, "resize": "stretch", "pool": "none", "head": "mlp", "units": [2048, 1024]},
            {"epochs": 30, "batch_size": 32, "optimizer": "adam", "unfreeze": "head"},
        ),
        (
            "signs-vgg19",
            "frozen",
            {"backbone": "vgg19", "image_size": 64, "pool": "max", "units": [128], "batch_norm": False},
            {"epochs": 30, "batch_size": 64, "unfreeze": "head"},
        ),
        (
            "cats-dogs-study",
            "vgg16-bottleneck",
            {"strategy": "probe", "backbone": "vgg16", "image_size": 150, "pool": "none"},
            {},
        ),
        (
            "cats-dogs-study",
            "vgg16-fine-tuned",
            {"strategy": "finetune", "backbone": "vgg16"},
            {"epochs": 100, "learning_rate": 1e-5, "unfreeze": "features.17"},
        ),
        ("cats-dogs-study", "cnn3", {"strategy": "scratch", "backbone": "cnn3"}, {"epochs": 30, "batch_size": 30}),
        (
            "dog-breeds-inception",
            "frozen",
            {"backbone": "inception_v3", "image_size": 299},
            {"epochs": 15, "batch_size": 32},
        ),
        ("hotdog-resnet50", "right", {"image_size": 224}, {"unfreeze": "all", "head_rate": 10}),
        ("hotdog-resnet50", "as-written", {"pool": "scores", "pixels": "0..1"}, {}),
        ("flowers-inception-bottleneck", "layer-by-layer", {"strategy": "finetune"}, {"schedule": "layer-by-layer"}),
    ],
)
def test_settings_of_the_experiments(name: str, variant: str, fit: dict, training: dict) -> None:
    found = load(name).variants[variant]
    assert {key: found.fit.get(key) for key in fit} == fit
    assert {key: found.training.get(key) for key in training} == training


def test_augmentations_and_splits_of_the_experiments() -> None:
    flowers = load("flowers-resnet50")
    study = load("cats-dogs-study")
    varied = {"rotation": 40, "shift": 0.4, "shear": 11.5, "zoom": 0.3, "flip": True}
    assert {str(v.training["augment"]) for v in flowers.variants.values()} == {str(varied)}
    assert study.variants["cnn4-augmented"].training["augment"] == {**varied, "rotation": 50, "shift": 0.2}
    assert (flowers.split, flowers.seed) == ({"train": 0.8, "test": 0.2}, 42)
    assert study.split == {"train": 3000, "val": 1000, "test": 1000}
    assert set(flowers.variants) == {"resnet50", "vgg16", "inception_v3", "xception"}
    assert "small" not in flowers.default


@pytest.mark.parametrize(("name", "variant"), EVERY)
def test_every_variant_asks_for_what_there_is(name: str, variant: str) -> None:
    recipe = load(name)
    chosen = recipe.variants[variant]
    assert set(chosen.fit) <= set(inspect.signature(pipeline.fit).parameters)
    assert Training(**chosen.training).given().keys() <= chosen.training.keys()
    settings = {key: chosen.fit[key] for key in ("image_size", "resize", "pool", "pixels") if key in chosen.fit}
    assert len(get_backbones(chosen.fit["backbone"], **settings)) == 1
    assert chosen.fit["strategy"] != "probe" or not chosen.training
    assert all(len(fact) < 400 for fact in recipe.facts)


@pytest.mark.parametrize("name", ["vgg16", "vgg19", "resnet50", "inception_v3", "xception"])
def test_each_classic_is_in_some_recipe(name: str) -> None:
    assert any(load(recipe).variants[variant].fit["backbone"] == name for recipe, variant in EVERY)


def test_the_unfrozen_stage_is_the_fourth_block_of_vgg16() -> None:
    import timm
    import torch

    with torch.device("meta"):
        layers = list(timm.create_model("vgg16").features)
    pools = [i for i, layer in enumerate(layers) if isinstance(layer, torch.nn.MaxPool2d)]
    stage = load("cats-dogs-study").variants["vgg16-fine-tuned"].training["unfreeze"]
    assert stage == f"features.{pools[2] + 1}"


# --- reading ------------------------------------------------------------------------------------------


def test_what_holds_for_all_variants_is_said_once() -> None:
    recipe = parse("small", small())
    first, second = recipe.variants["a"], recipe.variants["b"]
    assert first.fit == {"strategy": "finetune", "backbone": "resnet18"}
    assert first.training == {"epochs": 3, "batch_size": 8}
    assert first.published == (Published("F1", 0.5),)
    assert second.fit == {"strategy": "probe", "backbone": "resnet18"}
    assert second.training == {}
    assert recipe.chosen() == [first]
    assert recipe.chosen("b") == [second]
    assert not recipe.label_from_name
    assert parse("small", small(label_from_name=True)) == replace(recipe, label_from_name=True)


def test_a_figure_is_shown_as_it_was_put() -> None:
    assert str(Published("accuracy", 0.9)) == "0.9"
    assert str(Published("accuracy", 0.9, "val", "over 0.90")) == "over 0.90"


def test_plain_values_for_json() -> None:
    values = load("signs-vgg19").to_dict()
    assert values["variants"]["frozen"]["published"][0] == {
        "metric": "accuracy",
        "value": 0.9167,
        "part": "test",
        "says": "",
    }


@pytest.mark.parametrize(
    ("name", "near"), [("flowers-resnet", "flowers-resnet50"), ("hotdog", "hotdog-resnet50"), ("signs", "signs-vgg19")]
)
def test_an_unknown_recipe_is_answered_with_the_nearest(name: str, near: str) -> None:
    with pytest.raises(UsageError, match=rf"The recipe must be one of .*, not '{name}'. Did you mean '{near}'"):
        load(name)


def test_an_unknown_variant_is_answered_with_the_known_ones() -> None:
    with pytest.raises(
        UsageError, match=r"--variant of hotdog-resnet50 must be one of right, as-written, not 'as-writ'"
    ):
        load("hotdog-resnet50").chosen("as-writ")
    with pytest.raises(UsageError, match="Did you mean 'as-written'"):
        load("hotdog-resnet50").chosen("as-writ")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "The recipe small must be YAML, but is not: "),
        ("- a", r"The recipe small must have names and values, not \['a'\]"),
        (small(facts=None, seed=None), "The recipe small must have seed, facts; add what is missing"),
        (small(titel="x"), "A name in the recipe small must be one of title, .*, not 'titel'. Did you mean 'title'"),
        (small(default=["c"]), "--variant of small must be one of a, b, not 'c'"),
        (small(split={"train": 1}), "The recipe small, split, must have test; add"),
        (small(split={"train": 1, "test": 1, "vla": 1}), "split, must be one of .*, not 'vla'. Did you mean 'val'"),
        (small(variants={"a": {}}), "The recipe small, variant a, must have title; add"),
        (small(variants={"a": {"title": "x", "fitt": {}}}), "Did you mean 'fit'"),
        (
            small(variants={"a": {"title": "x", "published": [{"value": 1}]}}),
            "The recipe small, variant a, published must have metric; add",
        ),
        (
            small(variants={"a": {"title": "x", "published": [{"value": 1, "metric": "los"}]}}),
            f"A metric of the recipe small, variant a, must be one of {', '.join(METRICS)}, not 'los'. Did you mean",
        ),
    ],
)
def test_a_malformed_recipe_is_refused(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse("small", text)
