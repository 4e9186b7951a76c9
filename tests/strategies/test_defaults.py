from dataclasses import replace

import pytest

from regraft.backbones.lookup import get_backbones
from regraft.errors import UsageError
from regraft.finetuning.augmentation import Augmentation, preset
from regraft.finetuning.settings import Training
from regraft.finetuning.sound_augmentation import SoundAugmentation, sound_preset
from regraft.strategies import defaults
from regraft.strategies.defaults import augmentation_of, default_stage, settled


@pytest.mark.parametrize(
    ("scratch", "unfreeze", "epochs", "rate", "decay"),
    [
        (True, None, 40, 1e-3, 0.05),
        (False, "head", 20, 1e-3, 0.01),
        (False, "layer4", 8, 1e-3, 0.05),
        (False, "all", 8, 3e-4, 0.05),
    ],
)
def test_what_is_left_open_is_settled_by_what_is_trained(scratch, unfreeze, epochs, rate, decay):
    found = settled(Training(unfreeze=unfreeze), scratch)
    assert (found.epochs, found.learning_rate, found.weight_decay, found.augment) == (epochs, rate, decay, "light")
    assert found.unfreeze == ("all" if scratch else unfreeze)
    assert settled(Training(unfreeze=unfreeze, epochs=2, learning_rate=0.5), scratch).epochs == 2


@pytest.mark.parametrize(
    ("unfreeze", "epochs", "rate", "share"), [("head", 20, 1e-3, 1.0), ("layer.1", 4, 3e-4, 0.8), ("all", 4, 3e-4, 0.8)]
)
def test_text_encoders_learn_more_slowly_below_and_texts_are_not_varied(unfreeze, epochs, rate, share):
    found = settled(Training(unfreeze=unfreeze), False, "text")
    assert (found.epochs, found.learning_rate, found.layer_decay, found.augment) == (epochs, rate, share, "none")
    assert settled(Training(unfreeze=unfreeze, layer_decay=0.5), False, "text").layer_decay == 0.5


def test_nothing_is_varied_where_a_text_encoder_begins_with_random_weights():
    found = settled(Training(), True, "text")
    assert (found.unfreeze, found.augment, found.layer_decay) == ("all", "none", 1.0)


def test_images_learn_at_one_rate():
    assert settled(Training(unfreeze="layer4"), False).layer_decay == 1.0


def test_by_default_a_text_encoder_is_trained_above_its_embeddings(text_backbone):
    assert default_stage(text_backbone) == "layer.0"


def test_only_the_stages_below_the_layer_that_is_taken_count():
    [backbone] = get_backbones("test_resnet", weights="none")
    assert default_stage(replace(backbone, layer="layer3")) == "layer3"


def test_recordings_are_varied_in_ways_of_their_own():
    assert augmentation_of(Training(augment="strong"), True, "audio") == sound_preset("strong")
    assert augmentation_of(Training(), False, "audio") == SoundAugmentation()
    assert augmentation_of(Training(augment={"noise": 0.1}), True, "audio") == SoundAugmentation(noise=0.1)


def test_by_default_the_stages_that_hold_most_of_the_parameters_are_trained(monkeypatch):
    [backbone] = get_backbones("test_resnet", weights="none")
    # Of 373 thousand parameters layer4 has 268 and layer3 42.
    assert default_stage(backbone) == "layer4"
    monkeypatch.setattr(defaults, "TRAINED_SHARE", 0.8)
    assert default_stage(backbone) == "layer3"
    monkeypatch.setattr(defaults, "TRAINED_SHARE", 1.1)
    assert default_stage(backbone) == "all"


def test_augmentation_by_name_and_by_field():
    assert augmentation_of(Training(augment="strong"), True) == preset("strong")
    assert augmentation_of(Training(augment="strong"), False) == preset("strong", flips=False)
    assert augmentation_of(Training(), True) == Augmentation()
    given = {"crop": [0.5, 0.9], "flip": True, "rotation": 5}
    assert augmentation_of(Training(augment=given), True) == Augmentation(5, crop=(0.5, 0.9), flip=True)
    assert augmentation_of(Training(augment=given), False) == Augmentation(5, crop=(0.5, 0.9))


def test_an_augmentation_out_of_range():
    with pytest.raises(UsageError, match="rotation must be from 0 to 180, not 200"):
        augmentation_of(Training(augment={"rotation": 200}), True)
