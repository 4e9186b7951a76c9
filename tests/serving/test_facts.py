"""What a server tells of its models."""

from __future__ import annotations

import json
from typing import Any

from regraft.serving.facts import facts
from regraft.serving.models import Models
from regraft.serving.settings import Settings


def test_a_classifier(fitted: Any) -> None:
    settings = Settings(max_images=7)
    models = Models(settings)
    models.add("colours", fitted.classifier, "ab12")
    told = facts(models.get("colours"), settings)
    assert told["classes"] == ["blue", "green", "red"]
    assert (told["name"], told["modality"], told["head"], told["sha256"]) == ("colours", "image", "centroid", "ab12")
    assert told["backbones"][0]["name"] == "tf_efficientnet_lite0" and told["backbones"][0]["width"] == 1280
    assert told["figures"]["images"] == 18
    assert told["limits"]["images"] == 7
    assert told["tasks"] is None
    assert json.loads(json.dumps(told)) == told
