import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest

from regraft.data.dataset import Skipped
from regraft.finetuning.augmentation import preset
from regraft.reports import html
from regraft.result import Attempt, Epoch

VOID = {"meta", "br", "img", "wbr", "link", "hr", "input"}
CELLS = {"td", "th", "dt", "dd", "li", "p"}
HOSTILE = '<script>alert("x")</script>'


class Page(HTMLParser):
    """The page's elements, its text, and whether every tag is closed in turn."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.words = [], [], []
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag in CELLS:
            self.words.append(" ")

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.words.append(data)

    @property
    def text(self):
        return " ".join("".join(self.words).split())

    def of(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def test_the_numbers_are_on_the_page(make_result):
    result = make_result(interval=(0.741, 0.966))
    page = Page(html.render(result))
    evaluation = result.evaluations["test"]
    assert "27 of 30 unseen images are classified correctly (95% interval 74 to 97%)." in page.text
    assert "better than always answering the commonest class, “cat”, which would be right for 33%" in page.text
    for said in (
        "90.0%",
        "74.1% to 96.6%",
        f"{evaluation.macro_f1:.3f}",
        f"{evaluation.log_loss:.3f}",
        f"{evaluation.roc_auc:.3f}",
        f"{evaluation.average_precision:.3f}",
        "123",
        "images a second",
        "10 s",
        "30 images to learn from",
        "1,280 features by toynet",
        "91.2% ± 1.3%",
        "87.0%",
        "C = 0.1",
        "✓ chosen",
        "package toy-weights",
        "Apache-2.0",
        "ab" * 32,
        "The class of an image is the name of its folder.",
        "No image was left out.",
        "features 6 s (60%)",
        "other 0.5 s (5%)",
        "10 of 60 feature vectors came from the cache",
        "regraft fit pets --seed 7",
        "Seed 7; regraft 0.1.0, Python 3.",
        "Classifier.load('model.regraft')",
        "2025-01-02T03:04:05+00:00",
    ):
        assert said in page.text, said


def test_the_page_needs_nothing_else(make_result):
    text = html.render(make_result(command="regraft fit https://example.org/pets.zip"))
    page = Page(text)
    assert {"script", "link", "iframe", "object", "base"}.isdisjoint(tag for tag, _ in page.elements)
    for _, attributes in page.elements:
        for key in ("src", "href", "srcset", "data", "action", "poster", "xlink:href"):
            assert attributes.get(key, "data:").startswith("data:")
        assert not any(key.startswith("on") for key in attributes)
    assert "url(" not in text
    assert "@import" not in text
    policy = next(a["content"] for a in page.of("meta") if a.get("http-equiv"))
    assert policy.startswith("default-src 'none'; img-src data:")


def test_every_image_has_words_and_loads_late(make_result):
    images = Page(html.render(make_result(n=30, wrong=3))).of("img")
    assert len(images) == 24 + 3
    assert all(image["loading"] == "lazy" and ": is " in image["alt"] for image in images)
    assert all(image["src"].startswith("data:image/jpeg;base64,/9j/") for image in images)


def test_right_and_wrong_are_told_in_words_and_signs(make_result):
    page = Page(html.render(make_result(n=3, wrong=1)))
    assert "✗\N{NO-BREAK SPACE}dog" in "".join(page.words)
    assert "labelled cat" in page.text
    assert "".join(page.words).count("✓\N{NO-BREAK SPACE}") == 2


def test_hostile_names_are_only_text(make_result):
    names = (HOSTILE, '" onload="x', "{{ 7 * 7 }}_a/b&amp;")
    result = make_result(classes=names, notes=(HOSTILE,), skipped=(Skipped(HOSTILE, HOSTILE),))
    result.dataset = replace(result.dataset, name=HOSTILE, names=(HOSTILE,) * len(result.dataset))
    result.command = result.chosen = result.engine = HOSTILE
    text = html.render(result, model="it's <b>")
    page = Page(text)
    assert "script" not in {tag for tag, _ in page.elements}
    assert not any(key.startswith("on") for _, attributes in page.elements for key in attributes)
    assert HOSTILE in page.text
    assert "{{ 7 * 7 }}_a/b&amp;" in page.text
    assert """Classifier.load("it's <b>")""" in page.text


def test_many_hostile_names_stay_text_in_the_large_layout(make_result):
    classes = [f"{HOSTILE}{i}" for i in range(40)]
    page = Page(html.render(make_result(classes=classes, n=80, wrong=20)))
    assert "script" not in {tag for tag, _ in page.elements}


def test_undecodable_names_are_written(make_result, tmp_path):
    result = make_result(classes=("caf\udce9", "dog", "owl"))
    result.dataset = replace(result.dataset, names=("a\udcff.jpg",) * len(result.dataset))
    text = html.write(result, tmp_path / "report.html").read_text(encoding="utf-8")
    assert "caf\\udce9" in text
    assert "a\\udcff.jpg" in text


def test_writing_makes_the_folder_and_replaces_the_old_page(make_result, tmp_path):
    path = tmp_path / "runs" / "report.html"
    assert html.write(make_result(), path) == path
    path.write_text("old")
    html.write(make_result(), str(path))
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]


def test_a_failed_write_leaves_the_old_page_and_nothing_else(make_result, tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("old")

    def full(self, data):
        with self.open("wb") as file:
            file.write(data[:10])
        raise OSError("No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        html.write(make_result(), path)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


def test_the_same_result_gives_the_same_page(make_result):
    assert html.render(make_result()) == html.render(make_result())


def test_random_weights_are_told_first(make_result):
    result = make_result()
    assert "Random weights" not in html.render(result)
    result.backbones[0].weights.random = True
    page = Page(html.render(result))
    assert [a for _, a in page.elements if a.get("role") == "alert"]
    assert page.text.index("Random weights.") < page.text.index("27 of 30 unseen images")


def test_the_digest_may_be_a_method(make_result):
    result = make_result()
    result.backbones[0].weights.sha256 = lambda: "cd" * 32
    assert "cd" * 32 in Page(html.render(result)).text


def test_no_better_than_the_commonest_class_is_said_plainly(make_result):
    page = Page(html.render(make_result(interval=(0.2, 0.95))))
    assert "not better than always answering the commonest class" in page.text
    assert any("standing-unclear" in a.get("class", "") for a in page.of("p"))


def test_cross_validation_is_said(make_result):
    page = Page(html.render(make_result(protocol="cross-validation")))
    assert "each by a classifier that had not seen it" in page.text
    assert "fewer than 30 images" in page.text


def test_no_mistake(make_result):
    page = Page(html.render(make_result(wrong=0)))
    assert "There is no mistake among the 30 test images." in page.text


def test_validation_figures_are_shown_and_named_as_such(make_result):
    result = make_result(n_val=12)
    result.evaluations["val"] = SimpleNamespace(n=12, accuracy=0.75, macro_f1=0.7, log_loss=0.6)
    page = Page(html.render(result))
    assert "On the 12 validation images, which were there to choose by: accuracy 75.0%" in page.text
    assert "chosen on the validation images" in page.text


def test_the_confusion_matrix_of_few_classes_is_a_table(make_result):
    result = make_result()
    confusion = np.array([[101, 202, 0], [0, 303, 0], [0, 0, 404]])
    result.evaluations["test"] = replace(result.evaluations["test"], confusion=confusion)
    page = Page(html.render(result))
    assert [a for a in page.of("table") if a.get("class") == "matrix"]
    assert all(f" {number} " in page.text for number in (101, 202, 303, 404))
    assert {"class": "miss", "style": "--v:0.667"} in page.of("td")
    assert "cat dog 202 67%" in page.text


def test_classes_are_listed_worst_first_and_those_without_images_last(make_result):
    result = make_result(classes=("a_good", "never", "b_bad"), truth=[0, 2] * 15, wrong=0)
    per_class = result.evaluations["test"].per_class
    per_class["b_bad"] = replace(per_class["b_bad"], f1=0.111)
    text = Page(html.render(result)).text
    table = text[text.index("Class by class") : text.index("A sample of the test images")]
    assert table.index("b_bad 0.111") < table.index("a_good") < table.index("never –")


def test_120_classes(make_result):
    classes = [f"breed_{i:03}" for i in range(120)]
    text = html.render(make_result(classes=classes, n=480, wrong=120))
    page = Page(text)
    assert len(text) < 1_500_000
    assert not [a for a in page.of("table") if a.get("class", "").startswith("matrix")]
    assert any("confusion matrix of 120 classes" in a.get("aria-label", "") for a in page.of("svg"))
    assert all(a in page.text for a in classes)
    assert "The other 105 classes" in page.text
    assert page.text.count("mean of the classes") == 2


def test_areas_that_are_not_defined_are_left_out(make_result):
    page = Page(html.render(make_result(classes=("only", "never"), truth=[0] * 5, wrong=0)))
    assert "not defined here" in page.text
    assert "ROC curves" not in page.text


def test_skipped_images_are_counted_by_reason_and_fold_away_when_many(make_result):
    few = (Skipped("a.jpg", "empty"), Skipped("b.jpg", "empty"), Skipped("c.jpg", "not an image"))
    result = make_result(skipped=few)
    result.dataset = replace(result.dataset, skipped=few[:1])
    page = Page(html.render(result))
    assert "3 images were left out: 2 × empty; 1 × not an image." in page.text
    assert "open" in page.of("details")[0]
    many = tuple(Skipped(f"{i}.jpg", "empty") for i in range(1500))
    page = Page(html.render(make_result(skipped=many)))
    assert "1,500 images were left out: 1,500 × empty." in page.text
    assert "and 1,300 more" in page.text
    assert "open" not in page.of("details")[0]


def test_long_times_are_in_minutes(make_result):
    timings = {"read": 20.0, "features": 250.0, "head": 0.001, "total": 299.7}
    text = Page(html.render(make_result(timings=timings))).text
    assert "features 4 min 10 s" in text
    assert "head < 0.01 s" in text
    assert "Total time 5 min 0 s" in text


def trained(make_result, **changes):
    history = tuple(Epoch("finetune", "all", e, 1 / e, 2 / e, 0.8 + e / 100, 1e-3, 60.0 * e) for e in range(1, 7))
    attempts = (
        Attempt("probe", 0.8, 0.5, 60, 3843, 12.0),
        Attempt("finetune", 0.9, 0.3, 60, 2_412_005, 190.0, chosen=True, note="stopped by the budget"),
    )
    return make_result(
        **{
            "history": history,
            "attempts": attempts,
            "augmentation": preset("recipe"),
            "probed": False,
            "trainable": 4242,
            **changes,
        }
    )


def headings(text):
    return [part.split("</h2>")[0] for part in text.split("<h2>")[1:]]


def test_the_report_of_a_probe_has_no_word_of_training(make_result):
    for result in (make_result(), make_result(augmentation=preset("none"))):
        text = html.render(result)
        assert headings(text) == [
            "What is wrong with the data",
            "Key figures",
            "Look at these first",
            "Can its answers be acted on?",
            "What is taken for what",
            "Class by class",
            "A sample of the test images",
            "Each class against the rest",
            "How it was made",
            "The data",
            "Where the time went",
            "Do it again, and use it",
        ]
        assert "epoch" not in Page(text).text
        assert "variant" not in Page(text).text


def test_a_trained_network_is_not_called_a_chosen_head(make_result):
    text = Page(html.render(trained(make_result))).text
    assert "The network itself was trained here, 4,242 of its parameters" in text
    assert "Heads compared, of the probe that was tried first" in text
    assert "The head that names the classes" not in text
    assert "The head that names the classes" in Page(html.render(make_result())).text


def test_training_is_drawn_and_its_attempts_are_listed(make_result):
    text = html.render(trained(make_result))
    page = Page(text)
    assert headings(text)[8:11] == ["What the network was shown", "Training", "How it was made"]
    # 48 and 54 of 60: Wilson's intervals.
    assert "probe 80.0% (68.2% to 88.2%) 0.500 3,843 12 s" in page.text
    assert "finetune✓ chosen 90.0% (79.9% to 95.3%) 0.300 2,412,005 3 min 10 s stopped by the budget" in page.text
    assert "finetunelowest 0.333" in page.text
    assert "finetunehighest 0.860" in page.text
    labels = [a.get("aria-label", "") for a in page.of("svg")]
    assert any(label.startswith("Loss over the epochs") for label in labels)
    assert any(label.startswith("Validation accuracy over the epochs") for label in labels)
    assert len([a for a in page.of("path") if a.get("class") == "line line-0 train"]) == 1


def test_attempts_without_notes_or_images_leave_no_gap(make_result):
    attempts = (Attempt("finetune", float("nan"), float("nan"), 0, 10, 5.0),)
    page = Page(html.render(trained(make_result, attempts=attempts)))
    assert "Time finetune – – 10 5 s" in page.text
    assert "Ways tried" not in Page(html.render(trained(make_result, attempts=()))).text


def test_what_the_network_was_shown(make_result):
    page = Page(html.render(trained(make_result)))
    assert "rotated by up to 40°, shifted by up to 20% of the side" in page.text
    shown = [a for a in page.of("img") if "as it is" in a["alt"] or "variant" in a["alt"]]
    assert len(shown) == 6 * 6
    assert sum(a["alt"].endswith("as it is") for a in shown) == 6
    assert sum(a["alt"].endswith("variant 5") for a in shown) == 6
    assert all(a["src"].startswith("data:image/jpeg;base64,/9j/") for a in shown)
    assert "What the network was shown" not in html.render(trained(make_result, augmentation=None))


def test_hostile_words_of_a_training_are_only_text(make_result):
    history = (Epoch(HOSTILE, HOSTILE, 1, 1.0, 1.0, 0.5, 1e-3, 1.0),)
    attempts = (Attempt(HOSTILE, 0.5, 1.0, 10, 10, 1.0, note=HOSTILE),)
    result = trained(make_result, history=history, attempts=attempts)
    result.dataset = replace(result.dataset, names=(HOSTILE,) * len(result.dataset))
    page = Page(html.render(result))
    assert "script" not in {tag for tag, _ in page.elements}
    assert page.text.count(HOSTILE) >= 4


def test_importing_the_report_loads_nothing_heavy():
    code = (
        "import sys, regraft.reports.html; "
        "print(sorted({'jinja2', 'matplotlib', 'sklearn', 'torch', 'cv2', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
