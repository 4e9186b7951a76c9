"""What a division says of itself."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from regraft.data.dataset import Skipped
from regraft.exploration.agreement import Agreement
from regraft.exploration.clusters import Clusters
from regraft.exploration.images import Images
from regraft.exploration.number import Tried


@pytest.fixture
def found() -> Clusters:
    images = Images([None] * 5, tuple("vwxyz"), ("a", "a", "a", "b", None), "letters")
    return Clusters(
        images=images,
        assignment=np.array([1, 1, 1, 2, 2]),
        closeness=np.array([0.7, 0.9, 0.8, 0.6, 0.6], np.float32),
        margin=np.array([0.1, 0.3, 0.2, 0.1, 0.1], np.float32),
        places=np.array([[0, 0], [0.5, 0], [1, 1], [0.2, 0.9], [np.nan, np.nan]], np.float32),
        map_method="tsne",
        asked=None,
        tried=(Tried(2, 0.4, 0.9), Tried(3, 0.38, 0.9), Tried(4, 0.1, 0.5)),
        agreement=Agreement(0.95, 0.9, 4, 2),
        backbone="toynet",
    )


def test_members_come_central_first(found: Clusters) -> None:
    assert found.k == 2
    assert found.members(1).tolist() == [1, 2, 0]
    assert found.members(2).tolist() == [3, 4]


def test_plain_values(found: Clusters) -> None:
    values = found.to_dict()
    assert json.loads(json.dumps(values, allow_nan=False)) == values
    assert values["clusters"] == 2
    assert values["chosen_by"] == "auto"
    assert values["as_good"] == [3]
    assert values["groups"][0] == {"cluster": 1, "size": 3, "classes": {"a": 3}, "central": ["w", "x", "v"]}
    assert values["groups"][1]["classes"] == {"b": 1}
    assert values["images"][3] == {
        "image": "y",
        "cluster": 2,
        "closeness": 0.6,
        "x": pytest.approx(0.2),
        "y": pytest.approx(0.9),
        "label": "b",
    }
    assert (values["images"][4]["x"], values["images"][4]["label"]) == (None, None)


def test_sentences(found: Clusters) -> None:
    assert found.sentences() == [
        "5 images lie in 2 clusters.",
        "Of the 3 numbers tried, 2 has the best product of silhouette (0.40) and stability (0.90).",
        "The number is not clear-cut: 3 would be nearly as good; look at the pictures of each.",
        "With the 2 classes of 4 labels, which took no part, they agree closely: ARI 0.95 (1: the same division, 0: "
        "chance), NMI 0.90.",
    ]


def test_doubts_are_said(found: Clusters) -> None:
    unsure = replace(found, tried=(Tried(2, 0.4, 0.6), Tried(3, 0.39, 0.6), Tried(4, 0.38, 0.6)))
    text = " ".join(unsure.sentences())
    assert "3 or 4 would be nearly as good" in text
    assert "The division is unsure: clusters found in half of the images agree with it only so far (ARI 0.60" in text


def test_what_is_said_of_numbers_asked_for(found: Clusters) -> None:
    assert replace(found, asked=2, tried=()).sentences()[0] == "5 images lie in 2 clusters, as asked for."
    assert replace(found, asked=4, tried=()).sentences()[0] == (
        "5 images lie in 2 clusters, not 4: no more of them differ."
    )
    alike = replace(found, assignment=np.ones(5, int), tried=())
    assert alike.sentences()[0] == "5 images lie in one cluster: they all look alike to the network."


def test_poor_agreement_and_unreadable_images_are_said(found: Clusters) -> None:
    poor = replace(found, agreement=Agreement(0.1, 0.2, 5, 7), skipped=(Skipped("bad.jpg", "empty (0 bytes)"),))
    text = " ".join(poor.sentences())
    assert "they agree hardly: ARI 0.10" in text
    assert "There are fewer clusters than classes, so some must share one." in text
    assert "1 of 6 images cannot be read and are left out, such as bad.jpg (empty (0 bytes))." in text
