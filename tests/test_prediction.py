"""What a classifier says of one image, as plain values."""

from __future__ import annotations

from regraft.prediction import Prediction


def test_a_prediction_shows_its_most_probable_classes() -> None:
    prediction = Prediction("a.jpg", "x", 0.6, {"x": 0.6, "y": 0.3, "z": 0.1})
    assert prediction.to_dict(2)["probabilities"] == {"x": 0.6, "y": 0.3}
    assert prediction.to_dict()["probabilities"] == {"x": 0.6, "y": 0.3, "z": 0.1}
    assert "error" not in prediction.to_dict()
