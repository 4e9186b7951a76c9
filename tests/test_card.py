"""The model card: complete, honest, and of the form that the hub reads."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from regraft.card import card
from regraft.classifier import Classifier
from regraft.data.dataset import Dataset


def metadata(text: str) -> dict[str, Any]:
    _, head, _ = text.split("---\n", 2)
    found: dict[str, Any] = yaml.safe_load(head)
    return found


def test_the_metadata_are_the_hubs(fitted: Any) -> None:
    found = metadata(fitted.classifier.card)
    assert found["license"] == "apache-2.0"
    assert found["pipeline_tag"] == "image-classification"
    assert found["library_name"] == "regraft"
    [index] = found["model-index"]
    [result] = index["results"]
    assert result["task"]["type"] == "image-classification"
    values = {metric["type"]: metric["value"] for metric in result["metrics"]}
    assert values["accuracy"] == round(fitted.evaluations["test"].accuracy, 4)


def test_it_says_where_the_weights_are_from_and_how_to_reproduce(fitted: Any) -> None:
    text = fitted.classifier.card
    for backbone in fitted.backbones:
        assert backbone.weights.source in text
        assert backbone.weights.sha256()[:16] in text
    assert "Apache-2.0" in text
    assert fitted.command in text
    assert "## Known limits" in text
    assert f"{fitted.evaluations['test'].accuracy:.4f}" in text


def test_what_the_audit_found_is_a_known_limit(fitted: Any) -> None:
    class Found:
        def sentences(self) -> list[str]:
            return ["Twelve images are wrong."]

    assert "- Twelve images are wrong." in card(replace(fitted, audit=Found()))


def test_weights_of_other_licences_are_called_other(fitted: Any) -> None:
    [backbone] = fitted.backbones
    strange = replace(backbone, weights=replace(backbone.weights, licence="Ask Bob"))
    found = metadata(card(replace(fitted, classifier=replace(fitted.classifier, backbones=(strange,)))))
    assert found["license"] == "other"
    assert found["license_name"] == "ask bob"


def test_a_name_cannot_break_out_of_its_line(fitted: Any) -> None:
    dataset: Dataset = replace(fitted.dataset, name="x\n# owned <script>")
    text = card(replace(fitted, dataset=dataset))
    assert "\n# owned" not in text
    assert "<script>" not in text.split("---\n", 2)[2].replace("\\<script\\>", "")


def test_the_card_is_in_the_bundle(fitted: Any, saved: Path) -> None:
    with zipfile.ZipFile(saved) as archive:
        assert archive.read("README.md").decode() == fitted.classifier.card
    assert Classifier.load(saved).card == fitted.classifier.card
