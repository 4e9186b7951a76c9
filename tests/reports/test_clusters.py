"""The page of clusters: whole, harmless, and its map works in a browser."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from regraft.exploration.clustering import divide
from regraft.exploration.clusters import Clusters
from regraft.exploration.images import Images
from regraft.reports import clusters as report
from regraft.reports.clusters import FIGURES, PAGE, TABLE, render, write

NASTY = "</script><b>&\"'_/\udce9"
SHOWN = NASTY.replace("\udce9", "\\udce9")


@pytest.fixture(scope="module")
def found() -> Clusters:
    """Return 60 images in three groups apart, the first with a name that would break a careless page."""
    rng = np.random.default_rng(0)
    group = np.repeat([0, 1, 2], [30, 20, 10])
    values = np.abs(rng.uniform(0, 2, (3, 20))[group] + rng.normal(0, 0.1, (60, 20))).astype(np.float32)
    pictures = [rng.integers(0, 256, (12, 16, 3), dtype=np.uint8) for _ in range(60)]
    names = (f"{NASTY}.png", *(f"pets/{i}.png" for i in range(1, 60)))
    labels = tuple((f"cat{NASTY}", "dog", "owl")[g] if i else None for i, g in enumerate(group))
    return divide(Images(pictures, names, labels, f"pets{NASTY}"), values)


def points_of(page: str) -> dict:
    return json.loads(re.search(r'id="map-points">(.*?)</script>', page, re.DOTALL)[1])


def test_every_part_is_there(found: Clusters) -> None:
    page = render(found, "regraft cluster pets")
    for name in ("evidence", "map", "labels"):
        assert f'<section id="{name}">' in page
    assert page.count('<section class="group">') == 3
    for words in (
        "60 images lie in 3 clusters.",
        "Why 3?",
        "regraft cluster pets",
        "t-SNE",
        "at the edge",
        "and 14 more",
    ):
        assert words in page


def test_the_points_are_those_of_the_clusters(found: Clusters) -> None:
    points = points_of(render(found))
    assert points["cluster"] == (found.assignment - 1).tolist()
    assert points["classes"] == [f"cat{SHOWN}", "dog", "owl"]
    assert points["label"][0] == -1
    assert points["name"] == [f"{SHOWN}.png", *found.images.names[1:]]
    assert all(picture.startswith("data:image/jpeg;base64,") for picture in points["picture"])


def test_without_labels_and_evidence(found: Clusters) -> None:
    plain = replace(found, images=replace(found.images, labels=None), agreement=None, tried=(), asked=3)
    page = render(plain)
    assert '<section id="labels">' not in page
    assert '<section id="evidence">' not in page
    assert 'id="map-switch"' not in page
    assert 'id="map-switch"' in render(found)
    assert points_of(page)["classes"] == []


def test_names_cannot_break_the_page(found: Clusters) -> None:
    page = render(found)
    assert "<b>" not in page
    assert page.count("</script>") == 2
    page.encode("utf-8")


def test_only_its_own_script_may_run(found: Clusters) -> None:
    page = render(found)
    [script] = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page
    assert "default-src 'none'" in page
    assert not re.search(r"<link|@import|url\(|fetch\(|https?:", page)


def test_pictures_and_points_have_a_bound(found: Clusters, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "MAP_PICTURES", 9)
    places = found.places.copy()
    places[:5] = np.nan
    page = render(replace(found, places=places))
    points = points_of(page)
    assert len(points["x"]) == 55
    pictured = [c for c, picture in zip(points["cluster"], points["picture"], strict=True) if picture]
    assert sorted(pictured) == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert "55 of the 60 images are drawn. 9 of them have a picture here." in page


def test_sheets_shrink_where_there_are_many_clusters(found: Clusters) -> None:
    many = replace(found, assignment=np.arange(60) // 2 + 1)
    assert render(many).count("<img") == 60
    assert render(found).count("<img") == 16 + 16 + 10


def test_a_single_cluster(found: Clusters) -> None:
    alone = replace(found, assignment=np.ones(60, int), asked=1, tried=())
    assert "60 images lie in 1 cluster, as asked for." in render(alone)


def test_page_table_and_figures_are_written(found: Clusters, tmp_path: Path) -> None:
    write(found, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {PAGE, TABLE, FIGURES}
    assert json.loads((tmp_path / FIGURES).read_text())["clusters"] == 3
    with (tmp_path / TABLE).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["image", "cluster", "x", "y", "label"]
    assert [int(row["cluster"]) for row in rows] == found.assignment.tolist()
    assert rows[0]["label"] == ""
    (tmp_path / "bare").mkdir()
    write(replace(found, images=replace(found.images, labels=None)), tmp_path / "bare")
    assert (tmp_path / "bare" / TABLE).read_text().splitlines()[0] == "image,cluster,x,y"


DRIVER = """
const seen = {}, map = document.getElementById("map-canvas"), card = document.getElementById("map-card");
const box = map.getBoundingClientRect();
const point = (type, x, y) => map.dispatchEvent(new PointerEvent(type,
  {clientX: box.left + x, clientY: box.top + y, pointerType: "mouse", bubbles: true}));
const key = (name) => map.dispatchEvent(new KeyboardEvent("keydown", {key: name, bubbles: true, cancelable: true}));
const keys = () => [...document.querySelectorAll(".key")].map((each) => each.textContent);
seen.drawn = map.width > 300 && map.getContext("2d").getImageData(0, 0, map.width, map.height).data.some((v) => v > 0);
seen.hiddenFirst = card.hidden;
key("ArrowRight");
const first = card.textContent;
for (const name of ["ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp"]) { key(name); }
seen.byKeyboard = !card.hidden && card.querySelector("img").src.startsWith("data:image/jpeg");
for (let n = 0; n < 99; n++) key("ArrowLeft");
seen.moved = card.textContent !== first;
key("Escape");
seen.escaped = card.hidden;
point("pointermove", -500, -500);
seen.nothingThere = card.hidden;
search: for (let x = 0; x < box.width; x += 9) for (let y = 0; y < box.height; y += 9) {
  point("pointermove", x, y);
  if (!card.hidden) break search;
}
seen.hovered = card.querySelector("img").alt.length > 0 && card.textContent.includes("cluster ");
const there = card.getBoundingClientRect(), around = document.getElementById("map-box").getBoundingClientRect();
seen.inside = there.left >= around.left - 1 && there.right <= around.right + 1 && there.top >= around.top - 1;
point("pointerleave", 0, 0);
seen.left = card.hidden;
seen.clusters = keys();
document.querySelector("[data-by=label]").click();
seen.labels = keys();
document.querySelectorAll(".key")[1].click();
key("ArrowRight");
seen.alone = card.textContent.includes("dog");
const said = document.createElement("pre");
said.id = "seen";
said.textContent = JSON.stringify(seen);
document.body.append(said);
"""


def test_the_map_works_in_a_browser(found: Clusters, tmp_path: Path) -> None:
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        pytest.skip("no chromium")
    digest = base64.b64encode(hashlib.sha256(DRIVER.encode()).digest()).decode()
    page = render(found).replace("script-src '", f"script-src 'sha256-{digest}' '", 1)
    file = tmp_path / "page.html"
    file.write_text(page.replace("</body>", f"<script>{DRIVER}</script></body>"), encoding="utf-8")
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--window-size=1000,900")
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    ran = subprocess.run(
        [browser, *flags, profile, "--dump-dom", file.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    shown = re.search(r'<pre id="seen">(.*?)</pre>', ran.stdout, re.DOTALL)
    assert shown is not None, "the script ended early"
    seen = json.loads(re.sub("&lt;", "<", re.sub("&gt;", ">", shown[1])).replace("&amp;", "&"))
    assert seen.pop("clusters") == ["cluster 1 (30)", "cluster 2 (20)", "cluster 3 (10)"]
    assert [label.split("<")[0].split(" (")[0] for label in seen.pop("labels")] == ["cat", "dog", "owl"]
    assert all(seen.values()), seen
