import pytest

from regraft.backbones.registry import get_backbones
from regraft.errors import UsageError
from regraft.finetuning.augmentation import Augmentation, preset
from regraft.finetuning.settings import Training
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
