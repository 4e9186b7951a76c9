"""The page's addresses, asked as a browser asks them: from photos to files, without a browser."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from regraft.classifier import Classifier
from regraft.errors import RegraftError
from regraft.serving.page.guard import POLICY
from regraft.serving.page.routes import STATIC, page_app
from regraft.serving.page.workshop import Workshop


class Asking:
    """A browser's requests to a page of its own."""

    def __init__(self, root: Path, **settings: Any) -> None:
        from starlette.testclient import TestClient

        self.trained: list[Classifier] = []
        self.workshop = Workshop(root, trained=self.trained.append, **settings)
        self.client = TestClient(page_app(self.workshop), base_url="http://127.0.0.1")

    def ask(self, method: str, path: str, status: int = 200, **given: Any) -> Any:
        answer = self.client.request(method, f"/page/{path}", **given)
        assert answer.status_code == status, answer.text
        return answer.json()

    def state(self) -> Any:
        return self.ask("GET", "state")

    def give(self, name: str, files: list[Path]) -> list[dict[str, str]]:
        """Make a class of photos, and return what was left out."""
        made = self.ask("POST", "classes", json={"name": name})["classes"][-1]["id"]
        sent = [("photos", (file.name, file.read_bytes())) for file in files]
        refused: list[dict[str, str]] = self.ask("POST", f"classes/{made}/photos", files=sent)["refused"]
        return refused

    def job(self, kind: str) -> Any:
        """Wait for the end of a job, and return it."""
        for _ in range(1200):
            job = self.state()["jobs"][kind]
            if not job["running"]:
                return job
            time.sleep(0.1)
        raise AssertionError(f"{kind} does not end")


@pytest.fixture
def page(tmp_path: Path) -> Asking:
    return Asking(tmp_path)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, draw_classes: Callable[..., Path]) -> Iterator[Asking]:
    """Return a page on which photos were checked and learnt from; one photo is in two classes."""
    photos = draw_classes(tmp_path_factory.mktemp("photos") / "drawn", count=12, classes=("blue", "red"))
    page = Asking(tmp_path_factory.mktemp("page"))
    blue, red = (sorted((photos / name).iterdir()) for name in ("blue", "red"))
    noise = photos / "noise.jpg"
    noise.write_bytes(b"\xff\xd8\xff" + bytes(range(256)) * 9)
    assert [each["name"] for each in page.give("blue", [*blue, noise])] == ["noise.jpg"]
    assert page.give("red", [*red, blue[0]]) == []
    page.ask("POST", "audit")
    assert page.job("audit")["error"] is None
    page.ask("POST", "fit")
    assert page.job("fit")["error"] is None
    yield page
    page.workshop.close()


def test_the_page_and_all_it_loads_are_here(page: Asking) -> None:
    answer = page.client.get("/")
    assert answer.headers["content-security-policy"] == POLICY
    for path in sorted(STATIC.iterdir()):
        text = path.read_text()
        for elsewhere in ("http://", "https://"):
            assert elsewhere not in text.replace("http://www.w3.org/2000/svg", ""), path
        if path.name != "index.html":
            assert page.client.get(f"/page/{path.name}").status_code == 200
            assert path.suffix != ".css" or f"/page/{path.name}" in answer.text


def test_classes_are_named_and_removed(page: Asking) -> None:
    first, second = (each["id"] for each in page.state()["classes"])
    assert page.ask("PATCH", f"classes/{first}", json={"name": "cats"})["classes"][0]["name"] == "cats"
    assert len(page.ask("DELETE", f"classes/{second}")["classes"]) == 1
    said = page.ask("DELETE", f"classes/{second}", status=400)
    assert said == {"error": "The class must be one of the page's, but it is not there any more; load the page again."}


def test_nothing_starts_before_there_is_enough(page: Asking, colours: Path) -> None:
    assert "there are none yet" in page.ask("POST", "audit", status=400)["error"]
    blue, red = (sorted((colours / name).iterdir()) for name in ("blue", "red"))
    page.give("blue", blue)
    assert "only blue has photos" in page.ask("POST", "fit", status=400)["error"]
    page.give("red", red[:1])
    assert "red has only 1 photo" in page.ask("POST", "audit", status=400)["error"]
    state = page.state()
    assert state["problem"] == page.ask("POST", "fit", status=400)["error"]
    assert [len(each["photos"]) for each in state["classes"]] == [0, 0, 6, 1]  # nothing is lost
    assert state["jobs"] == {"audit": None, "fit": None, "onnx": None}
    page.give("blue", red)
    assert "Two classes are called blue" in page.state()["problem"]


def test_what_is_not_there_yet_is_said(page: Asking) -> None:
    for name in ("audit.html", "report.html", "model.regraft", "model.onnx"):
        assert f"{name} must be made" in page.ask("GET", f"files/{name}", status=400)["error"]
    assert "none has been trained" in page.ask("POST", "onnx", status=400)["error"]
    said = page.ask("POST", "try", status=400, files={"photo": ("a.jpg", b"x")})
    assert "none has been trained" in said["error"]


@pytest.mark.parametrize("body", ["", "[]", "{", '{"name": 3}', '{"name": "a", "path": "b"}', '"' + "x" * 70_000 + '"'])
def test_other_bodies_are_refused_in_a_sentence(page: Asking, body: str) -> None:
    assert page.ask("POST", "classes", status=400, content=body)["error"].startswith("What is asked must be")


def test_a_photo_must_be_a_file(page: Asking, done: Asking) -> None:
    one = page.state()["classes"][0]["id"]
    assert "none came" in page.ask("POST", f"classes/{one}/photos", status=400, data={"photos": "x"}).get("error", "")
    assert "none came" in done.ask("POST", "try", status=400, data={"other": "x"})["error"]


def test_a_folder_takes_the_photos_place_and_gives_it_back(page: Asking, colours: Path) -> None:
    assert "does not exist" in page.ask("POST", "folder", status=400, json={"path": "/no/such/folder"})["error"]
    state = page.ask("POST", "folder", json={"path": str(colours)})
    assert state["folder"]["path"] == str(colours)
    assert [(each["name"], each["count"]) for each in state["folder"]["classes"]] == [
        ("blue", 6),
        ("green", 6),
        ("red", 6),
    ]
    assert state["problem"] is None
    photo = state["folder"]["classes"][1]["photos"][0]["id"]
    assert page.client.get(f"/page/photos/{photo}").headers["content-type"] == "image/jpeg"
    before = page.state()["version"]
    state = page.ask("DELETE", "folder")
    assert state["folder"] is None
    assert state["version"] != before


def test_others_cannot_open_folders_of_this_machine(tmp_path: Path, colours: Path) -> None:
    page = Asking(tmp_path, folders=False)
    assert not page.state()["folders"]
    said = page.ask("POST", "folder", status=400, json={"path": str(colours)})["error"]
    assert "other machines can reach it" in said


def test_the_check_shows_the_photo_that_is_in_two_classes(done: Asking) -> None:
    state = done.state()
    (finding, *_) = [each for each in state["findings"] if "two classes" in each["title"]]
    ids = {photo["id"]: each["name"] for each in state["classes"] for photo in each["photos"]}
    assert sorted(ids[picture["id"]] for picture in finding["pictures"]) == ["blue", "red"]
    assert done.client.get("/page/files/audit.html").text.startswith("<!doctype html>")


def test_the_training_says_how_good_it_is(done: Asking) -> None:
    state = done.state()
    result, job = state["result"], state["jobs"]["fit"]
    assert result["n"] == result["photos"] == 25
    assert 0.8 < result["accuracy"] <= 1
    assert result["ci95"][0] < result["accuracy"]
    assert "classified correctly" in result["headline"]
    assert {each["name"] for each in result["classes"]} == {"blue", "red"}
    assert not job["stale"]
    assert job["said"][0] == "25 images in 2 classes: red 13, blue 12."
    (classifier,) = done.trained
    assert classifier.classes == ("blue", "red")


def test_the_report_names_photos_and_no_folders_of_the_server(done: Asking) -> None:
    answer = done.client.get("/page/files/report.html")
    assert "attachment" not in answer.headers.get("content-disposition", "")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "blue/blue-0-" in answer.text
    assert str(done.workshop.root) not in answer.text
    assert "attachment" in done.client.get("/page/files/report.html?download").headers["content-disposition"]


def test_the_bundle_is_the_classifier(done: Asking, tmp_path: Path) -> None:
    (tmp_path / "model.regraft").write_bytes(done.client.get("/page/files/model.regraft?download").content)
    classifier = Classifier.load(tmp_path / "model.regraft")
    raw = picture((40, 60, 200))
    said = done.ask("POST", "try", files={"photo": ("a.png", raw)})
    assert classifier.predict([raw])[0].confidence == pytest.approx(said["confidence"])


def picture(colour: tuple[int, int, int], size: tuple[int, int] = (72, 64)) -> bytes:
    noise = np.random.default_rng(99).normal(0, 25, (size[1], size[0], 3))
    file = io.BytesIO()
    Image.fromarray(np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def test_a_photo_is_named_and_the_name_explained(done: Asking) -> None:
    said = done.ask("POST", "try", files={"photo": ("blue sky.png", picture((40, 60, 200)))})
    assert (said["label"], said["name"], said["others"]) == ("blue", "blue sky.png", 0)
    assert [bar["name"] for bar in said["bars"]] == ["blue", "red"]
    assert sum(bar["share"] for bar in said["bars"]) == pytest.approx(1)
    assert said["photo"].startswith("data:image/jpeg;base64,")
    assert said["heat"].startswith("data:image/jpeg;base64,")
    assert said["heat"] != said["photo"]


def test_a_strange_photo_is_marked(done: Asking) -> None:
    stripes = np.zeros((64, 72, 3), np.uint8)
    stripes[::8] = 255
    file = io.BytesIO()
    Image.fromarray(stripes).save(file, "PNG")
    assert done.ask("POST", "try", files={"photo": ("stripes.png", file.getvalue())})["unfamiliar"] is True


@pytest.mark.parametrize("raw", [b"just words", b"", bytes(range(256)) * 30])
def test_what_is_no_photo_cannot_be_tried(done: Asking, raw: bytes) -> None:
    said = done.ask("POST", "try", status=400, files={"photo": ("strange.jpg", raw)})["error"]
    assert said.startswith("strange.jpg cannot be named: ")


def test_an_onnx_file_that_differs_is_told_in_a_sentence(done: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*arguments: Any, **settings: Any) -> None:
        raise RegraftError("What the ONNX file says must be what the classifier says, but it differs.")

    monkeypatch.setattr("regraft.export.exporting.export", refuses)
    done.ask("POST", "onnx")
    assert done.job("onnx")["error"] == "What the ONNX file says must be what the classifier says, but it differs."
    assert done.state()["files"]["model.onnx"] is None


def test_changes_make_check_and_training_old_but_lose_nothing(done: Asking, colours: Path) -> None:
    red = next(each for each in done.state()["classes"] if each["name"] == "red")
    done.ask("DELETE", f"photos/{red['photos'][-1]['id']}")
    state = done.state()
    assert state["jobs"]["audit"]["stale"]
    assert state["jobs"]["fit"]["stale"]
    assert state["result"] is not None
    done.ask("POST", "audit")
    assert done.job("audit")["stale"] is False
    assert not any("two classes" in each["title"] for each in done.state()["findings"])


def test_one_thing_at_a_time_and_two_browsers_see_the_same(done: Asking) -> None:
    from starlette.testclient import TestClient

    other = TestClient(done.client.app, base_url="http://127.0.0.1")
    done.ask("POST", "fit")
    refused = other.post("/page/audit")
    assert refused.status_code == 400
    assert "still going on" in refused.json()["error"]
    assert other.get("/page/state").json()["jobs"]["fit"]["running"]
    assert done.job("fit")["error"] is None
    assert other.get("/page/state").json()["result"] == done.state()["result"]
    assert done.state()["jobs"]["onnx"] is None  # it was of another classifier
    assert len(list(done.workshop.root.glob("run-*"))) == 1


def test_the_state_is_plain_json(done: Asking) -> None:
    assert json.loads(json.dumps(done.workshop.state())) == done.state()


def test_all_is_forgotten_at_the_end(tmp_path: Path, colours: Path) -> None:
    page = Asking(tmp_path)
    page.give("blue", sorted((colours / "blue").iterdir()))
    page.workshop.close()
    assert not tmp_path.exists()
