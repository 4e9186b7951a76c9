from __future__ import annotations

from typing import Any

import pytest

from regraft.backbones.lookup import get_backbones
from regraft.errors import UsageError
from regraft.finetuning.settings import Training
from regraft.multitask.request import check_request, one_backbone

GOOD: dict[str, Any] = {
    "strategy": "probe",
    "training": Training(),
    "weighting": "equal",
    "test_size": 0.2,
    "seed": 0,
}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"strategy": "scratch"}, "--strategy must be probe or finetune where there are several tasks, not 'scratch'"),
        ({"weighting": "even"}, "--weighting must be one of equal, uncertainty, grad-norm, not 'even'"),
        ({"test_size": 1.0}, "--test-size must be a share between 0 and 1, not 1.0"),
        ({"seed": -1}, "--seed must be 0 or above, not -1"),
        ({"training": Training(batch_size=8)}, "--batch-size is for training a network, but --strategy is probe"),
        (
            {"strategy": "finetune", "training": Training(mix="mixup")},
            "--mix has no meaning where several tasks are fine-tuned together",
        ),
        (
            {"strategy": "finetune", "training": Training(unfreeze="head")},
            "--unfreeze must be a stage or all where several tasks .* they would share nothing that learns",
        ),
    ],
)
def test_what_cannot_be_done_is_refused(change: dict[str, Any], words: str) -> None:
    check_request(**GOOD)
    with pytest.raises(UsageError, match=words):
        check_request(**(GOOD | change))


def test_fine_tuning_takes_one_backbone() -> None:
    one = get_backbones("tf_efficientnet_lite0")
    assert one_backbone(one) is one[0]
    with pytest.raises(UsageError, match=r"--backbone must name one network .* but names 2; name one of them"):
        one_backbone(get_backbones("tf_efficientnet_lite0+tf_efficientnet_lite1"))
