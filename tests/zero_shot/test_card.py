"""The model card of a classifier that has learnt nothing from images."""

from __future__ import annotations

import yaml

from regraft.classifier import Classifier
from regraft.zero_shot.card import card
from regraft.zero_shot.result import Grounds


def test_the_card(fitted):
    classifier: Classifier = fitted.classifier
    grounds = (Grounds("a|b", "far", (("tusker", 0.3),)), Grounds("red", "trained"))
    text = card(classifier, grounds)
    head = yaml.safe_load(text.split("---")[1])
    assert (head["license"], head["pipeline_tag"]) == ("apache-2.0", "zero-shot-image-classification")
    assert "An image classifier of 2 classes, 1 of them learnt from images." in text
    assert "| a\\|b | like nothing in the source: tusker 0.30 |" in text
    assert "It was not measured: no labelled images were given." in text
    assert "- ConSE has little to go on: none of the described classes" in text
    many = card(classifier, [Grounds(str(i), "near", (("x", 0.6),)) for i in range(60)], fitted.evaluations["test"])
    assert "and 10 more." in many
    assert "labelled images correctly (95% interval" in many
    assert "ConSE" not in many
