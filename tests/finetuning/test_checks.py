from dataclasses import replace

import pytest

from regraft.backbones.lookup import get_backbones
from regraft.errors import UsageError
from regraft.finetuning.checks import check_trainable
from regraft.finetuning.settings import Training


@pytest.fixture
def image_backbone():
    return get_backbones("test_vit", weights="none")[0]


@pytest.fixture
def sound_backbone(image_backbone):
    from regraft.backbones.spectrogram import Spectrogram

    return replace(image_backbone, modality="audio", sound=Spectrogram())


def test_what_can_be_trained(image_backbone, sound_backbone, text_backbone):
    for unfreeze in (None, "all", "head", "blocks.4"):
        check_trainable(image_backbone, Training(unfreeze=unfreeze, augment="recipe", mix="cutmix", flips="on"))
        check_trainable(sound_backbone, Training(unfreeze=unfreeze, augment="strong", mix="mixup", flips="off"))
    for unfreeze in (None, "all", "head", "layer.1", "embeddings"):
        check_trainable(text_backbone, Training(unfreeze=unfreeze, layer_decay=0.9, augment="none"))
    check_trainable(text_backbone, Training(unfreeze="layer.1", lora=2))
    check_trainable(image_backbone, Training(unfreeze="blocks.4", lora=2))


@pytest.mark.parametrize(
    ("given", "flag"),
    [({"augment": "light"}, "augment"), ({"flips": "on"}, "flips"), ({"mix": "mixup"}, "mix"), ({"views": 2}, "views")],
)
def test_what_means_nothing_for_texts(given, flag, text_backbone):
    with pytest.raises(UsageError, match=rf"^--{flag} is for images, but the data are texts; leave it out\.$"):
        check_trainable(text_backbone, Training(**given))


def test_what_means_nothing_for_recordings(sound_backbone):
    with pytest.raises(UsageError, match="--flips is for images, but the data are recordings, which mean nothing back"):
        check_trainable(sound_backbone, Training(flips="on"))
    with pytest.raises(UsageError, match="--augment must be one of none, light, strong for recordings, not 'recipe'"):
        check_trainable(sound_backbone, Training(augment="recipe"))


def test_word_vectors_are_no_network(text_backbone):
    table = replace(text_backbone, architecture="word-vectors", name="glove.txt")
    with pytest.raises(UsageError, match=r"but glove\.txt is a table of word vectors; use --strategy probe, or anoth"):
        check_trainable(table, Training())


def test_a_stage_that_is_not_there(image_backbone, text_backbone):
    with pytest.raises(UsageError, match=r"network's stages \(patch_embed, blocks.0.*not 'block.4'. Did you mean 'blo"):
        check_trainable(image_backbone, Training(unfreeze="block.4"))
    expected = r"stages \(embeddings, layer.0, layer.1, layer.2\), not 'layer.3'"
    with pytest.raises(UsageError, match=expected):
        check_trainable(text_backbone, Training(unfreeze="layer.3"))


def test_what_lies_above_the_layer_that_is_taken_is_not_there(image_backbone, text_backbone):
    with pytest.raises(UsageError, match=r"not 'blocks\.4'"):
        check_trainable(replace(image_backbone, layer="blocks.2"), Training(unfreeze="blocks.4"))
    with pytest.raises(UsageError, match=r"not 'layer\.2'"):
        check_trainable(replace(text_backbone, layer="layer.1"), Training(unfreeze="layer.2"))


def test_adapters_need_linear_layers():
    [backbone] = get_backbones("test_resnet", weights="none")
    with pytest.raises(UsageError, match="--lora must have linear layers to adapt, but test_resnet has none; choose"):
        check_trainable(backbone, Training(lora=2))
