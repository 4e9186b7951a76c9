import json

import pytest

from regraft.errors import UsageError
from regraft.finetuning.settings import CHOICES, Training


@pytest.mark.parametrize("name", CHOICES)
def test_words_are_checked_and_the_valid_ones_named(name):
    flag = name.replace("_", "-")
    with pytest.raises(UsageError, match=rf"^--{flag} must be one of {', '.join(CHOICES[name])}, not 'strange'\.$"):
        Training(**{name: "strange"})
    for word in CHOICES[name]:
        assert getattr(Training(**{name: word}), name) == word


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("epochs", 0, "--epochs must be from 1 to 10000, not 0"),
        ("batch_size", 1, "--batch-size must be from 2 to 4096, not 1"),
        ("learning_rate", 0.0, "--learning-rate must be from 1e-08 to 10, not 0.0"),
        ("layer_decay", 1.5, "--layer-decay must be from 0.01 to 1, not 1.5"),
        ("head_rate", 0, "--head-rate must be from 0.01 to 1000, not 0"),
        ("weight_decay", -0.1, "--weight-decay must be from 0 to 1, not -0.1"),
        ("label_smoothing", 1.0, "--label-smoothing must be from 0 to 0.9, not 1.0"),
        ("views", 0, "--views must be from 1 to 64, not 0"),
        ("strength", -1, "--strength must be from 0 to 100, not -1"),
        ("lora", -1, "--lora must be from 0 to 512, not -1"),
        ("patience", 0, "--patience must be from 1 to 10000, not 0"),
        ("clip", -1, "--clip must be from 0 to 1e\\+06, not -1"),
        ("learning_rate", float("nan"), "--learning-rate must be from 1e-08 to 10, not nan"),
    ],
)
def test_numbers_out_of_range(name, value, words):
    with pytest.raises(UsageError, match=words):
        Training(**{name: value})


def test_what_is_left_open_is_settled_and_what_is_given_stays():
    settled = Training(epochs=3).settled(epochs=8, learning_rate=1e-3, batch_size=7)
    assert (settled.epochs, settled.learning_rate, settled.batch_size) == (3, 1e-3, 32)
    assert settled.weight_decay is None


def test_settling_checks_too():
    with pytest.raises(UsageError, match="--epochs must be from 1"):
        Training().settled(epochs=0)


def test_what_was_given():
    assert Training().given() == {}
    assert Training(views=4).given() == {}
    assert Training(views=2, average=False).given() == {"views": 2, "average": False}


def test_plain_values():
    plain = Training(augment={"crop": [0.5, 1.0], "flip": True}).to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert Training(**plain) == Training(augment={"crop": [0.5, 1.0], "flip": True})
