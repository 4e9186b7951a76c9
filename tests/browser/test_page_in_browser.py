"""The page in a real browser: Debian's Chromium, driven by Playwright, with axe-core looking at every step."""

from __future__ import annotations

import http.server
import io
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("playwright")
pytest.importorskip("axe_playwright_python")

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from _page import PATIENCE, Person, browser, chromium, served, walk

if chromium() is None:
    pytest.skip("there is no Chromium: make test-browser installs it", allow_module_level=True)

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def chrome() -> Iterator[Any]:
    with browser() as running:
        yield running


@pytest.fixture
def address(cache: Path) -> Iterator[str]:
    with served() as address:
        yield address


@pytest.fixture
def person(chrome: Any, address: str) -> Iterator[Person]:
    """Someone at a page of his own; the browser must have asked nobody else, and complained of nothing."""
    person = Person(chrome, address)
    person.open()
    yield person
    assert person.abroad() == set()
    assert person.errors == []
    person.context.close()


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory, draw_classes: Callable[..., Path]) -> dict[str, list[Path]]:
    """Return the drawn photos of two classes."""
    folder = draw_classes(tmp_path_factory.mktemp("drawn") / "photos", count=8, classes=("blue", "red"), seed=7)
    return {name: sorted((folder / name).iterdir()) for name in ("blue", "red")}


def of_real(real_data: Path, name: str, part: str = "train") -> list[Path]:
    return sorted((real_data / "cats_dogs" / part / name).iterdir())


def drop(person: Person, number: int, files: list[Path]) -> None:
    """Drop files on a class's zone as a mouse does."""
    held = [{"name": file.name, "bytes": list(file.read_bytes())} for file in files]
    transfer = person.page.evaluate_handle(
        """held => {
            const transfer = new DataTransfer();
            for (const {name, bytes} of held)
                transfer.items.add(new File([new Uint8Array(bytes)], name, {type: "image/jpeg"}));
            return transfer;
        }""",
        held,
    )
    zone = person.page.locator(".class").nth(number).locator(".drop")
    for kind in ("dragenter", "dragover", "drop"):
        zone.dispatch_event(kind, {"dataTransfer": transfer})
    person.page.locator(".class").nth(number).locator(".count", has_text=f"{len(files)} photos").wait_for()


def test_from_an_empty_page_to_files_that_work(
    chrome: Any, address: str, real_data: Path, tmp_path: Path, cache: Path
) -> None:
    person = Person(chrome, address)
    page, faults = person.page, dict[str, list[str]]()
    person.open()
    faults["empty"] = person.faults()

    cats, dogs = of_real(real_data, "cats"), of_real(real_data, "dogs")
    person.name_class(0, "cats")
    person.name_class(1, "dogs")
    drop(person, 0, cats[:40])
    person.give_photos(1, dogs[:40])
    faults["photos"] = person.faults()

    person.check()
    assert (
        "to look at" in page.locator("#check-found .verdict").inner_text()
        or page.get_by_text("Nothing was found").is_visible()
    )
    faults["check"] = person.faults()

    person.press("Start training")
    page.locator("#train-progress progress").wait_for()
    faults["training"] = person.faults()
    page.reload()  # the run goes on, and is found again
    page.locator("#train:visible").wait_for()
    assert int(person.result().rstrip("%")) >= 90
    assert re.search(r"\d+ of 80 images are classified correctly", page.locator("#train-result").inner_text())
    assert "over the raw pixels alone" in page.locator("#train-result").inner_text()
    report = page.frame_locator("iframe.report")
    report.get_by_role("heading", level=1).wait_for()
    faults["trained"] = person.faults()

    person.press("Try it")
    faults["before trying"] = person.faults()
    unseen = of_real(real_data, "dogs", "test")[0]
    label = person.try_file(unseen)
    assert label == "dogs"
    assert page.get_by_text("Not seen before.").count() == 0
    pictures = page.locator("#try-result .pair img")
    assert pictures.count() == 2
    assert pictures.evaluate_all("all => all.every(each => each.naturalWidth > 100)")
    faults["tried"] = person.faults()
    person.try_camera()
    page.get_by_text("Not seen before.").wait_for()  # the camera of a test shows green and a clock
    faults["strange"] = person.faults()

    person.press("Keep it")
    faults["keep"] = person.faults()
    from regraft.classifier import Classifier

    classifier = Classifier.load(person.download("model.regraft", tmp_path))
    (found,) = classifier.predict([unseen])
    assert (found.label, found.unfamiliar) == (label, False)
    assert "classified correctly" in person.download("report.html", tmp_path).read_text()
    person.press("Make it")
    page.locator("[id='file-model.onnx'] progress").wait_for()
    faults["making"] = person.faults()
    made = page.get_by_role("link", name="Download model.onnx")
    made.or_(page.locator("[id='file-model.onnx'] .alert")).wait_for(timeout=PATIENCE)
    faults["made"] = person.faults()
    assert made.is_visible(), page.locator("[id='file-model.onnx']").inner_text()
    assert onnx_label(person.download("model.onnx", tmp_path), unseen) == label

    assert {step: found for step, found in faults.items() if found} == {}
    assert person.abroad() == set()
    assert person.errors == []
    person.context.close()


def onnx_label(file: Path, photo: Path) -> str:
    """Return what an ONNX file says of a photo, without Regraft."""
    import json

    import onnxruntime

    session = onnxruntime.InferenceSession(str(file))
    pixels = np.asarray(Image.open(photo).convert("RGB"))
    (given,) = session.get_inputs()
    names = [output.name for output in session.get_outputs()]
    said = dict(zip(names, session.run(None, {given.name: pixels[None]}), strict=True))
    held = session.get_modelmeta().custom_metadata_map
    classes = json.loads(next(value for name, value in held.items() if "classes" in name))
    scores = next(value for value in said.values() if np.shape(value)[-1] == len(classes))
    return str(classes[int(np.argmax(scores))])


def test_the_road_that_the_benchmark_measures(person: Person, drawn: dict[str, list[Path]]) -> None:
    seconds = walk(person, dict(drawn), drawn["red"][0])
    assert list(seconds) == ["open", "photos", "check", "train", "try"]
    print(seconds)


def test_what_is_missing_is_said_and_nothing_is_lost(person: Person, drawn: dict[str, list[Path]]) -> None:
    page, alert = person.page, person.page.get_by_role("alert").first
    person.press("Check the photos")
    alert.get_by_text("At least two classes need photos").wait_for()
    person.name_class(0, "blue")
    person.give_photos(0, drawn["blue"])
    person.name_class(1, "blue")
    person.give_photos(1, drawn["red"][:1])
    person.press("Check the photos")
    alert.get_by_text("Two classes are called blue").wait_for()
    person.name_class(1, "red")
    person.press("Check the photos")
    alert.get_by_text("red has only 1 photo").wait_for()
    assert person.faults() == []
    page.reload()
    page.locator(".class").first.wait_for()
    assert [field.input_value() for field in page.get_by_label("Name of the class").all()] == ["blue", "red"]
    assert page.locator(".count").all_inner_texts() == ["8 photos", "1 photo"]
    person.give_photos(1, drawn["red"][1:])
    person.check()


def test_what_is_no_photo_is_left_out(person: Person, drawn: dict[str, list[Path]], tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("just words")
    (tmp_path / "noise.jpg").write_bytes(np.random.default_rng(0).bytes(5000))
    Image.new("RGB", (9000, 7000), "blue").save(tmp_path / "huge.jpg")
    person.name_class(0, "blue")
    person.give_photos(0, [*drawn["blue"], *sorted(tmp_path.iterdir())], count=9)
    refused = person.page.locator(".refused").first.inner_text()
    assert "notes.txt: not an image (looks like text)" in refused
    assert "noise.jpg: not an image" in refused
    assert person.faults() == []


def test_what_is_no_photo_cannot_be_tried(person: Person, drawn: dict[str, list[Path]], tmp_path: Path) -> None:
    walk(person, dict(drawn), drawn["red"][0])
    (tmp_path / "notes.txt").write_text("just words")
    person.page.locator("#try-file").set_input_files(tmp_path / "notes.txt")
    person.page.get_by_text("notes.txt cannot be named: not an image (looks like text)").wait_for()
    assert person.faults() == []


def test_a_photo_can_be_mended_in_the_check(person: Person, drawn: dict[str, list[Path]]) -> None:
    person.name_class(0, "blue")
    person.name_class(1, "red")
    person.give_photos(0, drawn["blue"])
    person.give_photos(1, [*drawn["red"], drawn["blue"][0]])
    person.check()
    finding = person.page.locator(".finding", has_text="One photo is in two classes")
    finding.locator("li", has_text="in red").get_by_role("button", name=re.compile("^Remove")).click()
    person.page.get_by_text("The photos have changed since this check").wait_for()
    assert person.faults() == []
    person.press("Check again")
    person.page.get_by_text("The photos have changed since this check").wait_for(state="detached")
    finding.wait_for(state="detached", timeout=PATIENCE)


def test_a_folder_of_this_machine(person: Person, colours: Path) -> None:
    page = person.page
    page.get_by_text("Or use a folder on this computer").click()
    field = page.get_by_label("Path of a folder")
    field.fill("/no/such/folder")
    field.press("Enter")
    page.get_by_role("alert").get_by_text("/no/such/folder does not exist").wait_for()
    assert person.faults() == []
    field.fill(str(colours))
    person.press("Use this folder")
    page.get_by_role("heading", name="green").wait_for()
    assert page.locator(".count").all_inner_texts() == ["6 photos"] * 3
    assert person.faults() == []
    person.check()
    person.go("Photos")
    person.press("Drop photos instead")
    page.get_by_label("Name of the class").first.wait_for()


def test_two_browsers_see_one_run(chrome: Any, address: str, drawn: dict[str, list[Path]]) -> None:
    one, other = Person(chrome, address), Person(chrome, address)
    one.open()
    other.open()
    for number, (name, files) in enumerate(drawn.items()):
        one.name_class(number, name)
        one.give_photos(number, files)
    other.page.locator(".count", has_text="8 photos").nth(1).wait_for()
    assert other.page.get_by_label("Name of the class").nth(1).input_value() == "red"
    one.check()
    one.train()
    other.go("Train")
    assert other.result() == one.result()
    other.go("Photos")
    other.page.get_by_role("button", name="Remove red", exact=True).click()
    one.page.get_by_text("The photos have changed since this training").wait_for()
    for person in (one, other):
        assert person.abroad() == set()
        assert person.errors == []
        person.context.close()


def test_the_keyboard_is_enough(person: Person, drawn: dict[str, list[Path]]) -> None:
    page = person.page

    def focused() -> str:
        return str(page.evaluate("document.activeElement.outerHTML"))

    page.keyboard.press("Tab")
    assert "Skip to the step" in focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("blue")
    assert page.get_by_label("Name of the class").first.input_value() == "blue"
    page.keyboard.press("Tab")
    assert "Remove blue" in focused() or "Remove" in focused()
    page.keyboard.press("Tab")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    chooser.value.set_files(drawn["blue"])
    page.locator(".count", has_text="8 photos").wait_for()
    page.get_by_role("button", name="Add a class").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Name of the class").nth(2).wait_for()
    page.wait_for_function("document.activeElement.classList.contains('name')")
    page.keyboard.type("red")
    page.locator(".thumbs button").first.focus()
    page.keyboard.press("Enter")
    page.locator(".count", has_text="7 photos").wait_for()
    page.wait_for_function("document.activeElement.closest('.thumbs') !== null")
    assert page.get_by_label("Name of the class").nth(2).input_value() == "red"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone(chrome: Any, address: str, drawn: dict[str, list[Path]], scheme: str) -> None:
    size = {"width": 360, "height": 740}
    person = Person(chrome, address, viewport=size, is_mobile=True, has_touch=True, color_scheme=scheme)
    walk(person, dict(drawn), drawn["red"][0])
    for step in ("Try", "Photos", "Check", "Train", "Keep"):
        person.go(step)
        assert person.page.evaluate("document.documentElement.scrollWidth") <= 360, step
        assert person.faults() == [], step
    assert person.abroad() == set()
    person.context.close()


def test_other_sites_cannot_use_the_page(person: Person, colours: Path) -> None:
    class Evil(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<title>elsewhere</title>")

        def log_message(self, *arguments: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Evil)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    elsewhere = person.context.new_page()
    elsewhere.goto(f"http://127.0.0.1:{server.server_port}/")
    elsewhere.evaluate(
        """async ([address, path]) => {
            const body = JSON.stringify({path});
            for (const mode of ["no-cors", "cors"])
                await fetch(`${address}/page/folder`, {method: "POST", mode, body}).catch(() => null);
        }""",
        [person.address, str(colours)],
    )
    server.shutdown()
    server.server_close()
    assert person.page.evaluate("fetch('/page/state').then(said => said.json()).then(said => said.folder)") is None


def test_a_server_that_is_gone_is_told(chrome: Any, cache: Path) -> None:
    with served() as address:
        person = Person(chrome, address)
        person.open()
    person.page.get_by_role("alert").get_by_text("see whether regraft app is still running").wait_for()
    person.context.close()


@pytest.mark.skipif(os.environ.get("REGRAFT_SCREENSHOTS") != "1", reason="REGRAFT_SCREENSHOTS=1 makes the pictures")
def test_pictures_for_the_docs(chrome: Any, address: str, tmp_path: Path) -> None:
    """Write docs/images/page-*.png: solar cells from elpv-dataset, CC BY-NC-SA 4.0, as in the demo."""
    elpv = pytest.importorskip("elpv_dataset.utils")
    images, shares, _ = elpv.load_dataset()
    where = {"sound": np.flatnonzero(shares == 0)[::18], "defective": np.flatnonzero(shares == 1)[::9]}
    cells: dict[str, list[Path]] = {}
    for name, index in where.items():
        cells[name] = [tmp_path / f"{name}-{i}.png" for i in index]
        for path, i in zip(cells[name], index, strict=True):
            Image.fromarray(images[i]).save(path)
    flower = tmp_path / "flower.jpg"
    flower.write_bytes(photo_of_a_flower())
    to = Path(__file__).parents[2] / "docs" / "images"
    person = Person(chrome, address, viewport={"width": 1080, "height": 760}, device_scale_factor=1.5)
    person.open()
    page = person.page
    for number, (name, files) in enumerate(cells.items()):
        person.name_class(number, name)
        # One defective cell is dropped among the sound ones, so that there is something to find.
        person.give_photos(number, [*files[:40], *(cells["defective"][41:43] if name == "sound" else [])])

    def picture(name: str) -> None:
        page.mouse.move(0, 0)
        page.evaluate("document.activeElement.blur()")
        page.wait_for_timeout(600)
        page.screenshot(path=to / f"page-{name}.png")

    picture("photos")
    person.check()
    picture("check")
    person.train()
    picture("train")
    person.press("Try it")
    next(cell for cell in cells["defective"][43:] if person.try_file(cell) == "defective")
    picture("try")
    person.try_file(flower)
    picture("strange")
    person.press("Keep it")
    picture("keep")
    person.context.close()


def photo_of_a_flower() -> bytes:
    """Return the photo of a flower that comes with scikit-learn, as a JPEG."""
    from sklearn.datasets import load_sample_image

    file = io.BytesIO()
    Image.fromarray(load_sample_image("flower.jpg")).save(file, "JPEG")
    return file.getvalue()
