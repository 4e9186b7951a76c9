"""A browser on the page: what a person does there, and what the browser asks of the network meanwhile."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)

PATIENCE = 120_000
"""Milliseconds that a training may take on a busy machine before the driver gives up."""

HERE = ("127.0.0.1", "localhost")


def chromium() -> str | None:
    """Return where Debian's Chromium is."""
    return shutil.which("chromium")


@contextmanager
def served(cache: Path | None = None, *arguments: str) -> Iterator[str]:
    """Run `regraft app` in a process of its own, and yield its address.

    Parameters
    ----------
    cache : Path, optional
        Its cache folder; default: this process's.
    arguments : str
        Further ones of the command.
    """
    environment = {**os.environ, **({} if cache is None else {"REGRAFT_CACHE": str(cache)})}
    command = [sys.executable, "-m", "regraft", "app", "--no-browser", "--port", "0", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://\S+", line)
        if found is None:
            raise RuntimeError(f"regraft app said no address, but {line!r}")
        yield found[0]
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def browser() -> Iterator[Any]:
    """Run Chromium without a window, and yield it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS))
        try:
            yield running
        finally:
            running.close()


class Person:
    """Someone at the page.

    Parameters
    ----------
    browser : Browser
        Playwright's.
    address : str
        Of the page.
    options : settings of the browser's context, such as `viewport` and `color_scheme`
    """

    def __init__(self, browser: Any, address: str, **options: Any) -> None:
        self.context = browser.new_context(**{"viewport": {"width": 1180, "height": 860}, **options})
        self.address = address
        self.asked: list[str] = []
        self.errors: list[str] = []
        self.context.on("request", lambda request: self.asked.append(request.url))
        self.page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._heard)

    def _heard(self, said: Any) -> None:
        # The browser notes what the server refuses with a sentence, which the page shows.
        if said.type == "error" and "status of 400" not in said.text:
            self.errors.append(said.text)

    def open(self) -> None:
        """Open the page, and wait for its first step."""
        self.page.goto(self.address)
        self.page.locator("main section:visible h1").wait_for()

    def abroad(self) -> set[str]:
        """Return what was asked of other machines."""
        addresses = [urlparse(url) for url in self.asked]
        return {a.geturl() for a in addresses if a.scheme not in ("data", "blob") and a.hostname not in HERE}

    def name_class(self, number: int, name: str) -> None:
        """Write a class's name."""
        self.page.get_by_label("Name of the class").nth(number).fill(name)

    def give_photos(self, number: int, files: Sequence[Path | dict[str, Any]], count: int | None = None) -> None:
        """Choose photos for a class, and wait until so many are in it."""
        card = self.page.locator(".class").nth(number)
        before = int(card.locator(".count").inner_text().split()[0].replace("no", "0"))
        card.locator("input[type=file]").set_input_files(files)
        count = before + len(files) if count is None else count
        words = "no photos yet" if not count else "1 photo" if count == 1 else f"{count} photos"
        card.locator(".count", has_text=re.compile(f"^{words}$")).wait_for()
        card.locator(".refused", has_text="…").wait_for(state="detached")

    def press(self, button: str) -> None:
        """Press a button of the step that is shown."""
        self.page.locator("#main").get_by_role("button", name=button, exact=True).click()

    def check(self) -> None:
        """Have the photos checked, and wait for what is found."""
        self.press("Check the photos")
        self.page.locator("#check-found .verdict").wait_for(timeout=PATIENCE)

    def train(self) -> None:
        """Train, and wait for the result."""
        self.press("Start training")
        self.result()

    def result(self) -> str:
        """Wait for a training's result, and return how many are named rightly."""
        figure = self.page.locator("#train-result .big .figure")
        figure.wait_for(timeout=PATIENCE)
        return str(figure.inner_text())

    def go(self, step: str) -> None:
        """Go to a step by its name."""
        self.page.get_by_role("navigation", name="Steps").get_by_role("button", name=step).click()
        self.page.locator(f"#{step.lower()}:visible").wait_for()

    def try_file(self, file: Path | dict[str, Any]) -> str:
        """Show the classifier a photo, and return its label."""
        self.page.locator("#try-result").evaluate("box => box.replaceChildren()")
        self.page.locator("#try-file").set_input_files(file)
        return self._answer()

    def try_camera(self) -> str:
        """Take a photo with the camera, and return its label."""
        self.page.locator("#try-result").evaluate("box => box.replaceChildren()")
        self.press("Use the camera")
        self.press("Take the photo")
        label = self._answer()
        self.press("Close the camera")
        return label

    def _answer(self) -> str:
        label = self.page.locator("#try-result .answer .label bdi")
        label.wait_for(timeout=PATIENCE)
        return str(label.inner_text())

    def download(self, name: str, folder: Path) -> Path:
        """Download one of the files, and return where it is."""
        with self.page.expect_download() as coming:
            self.page.get_by_role("link", name=f"Download {name}").click()
        path = folder / coming.value.suggested_filename
        coming.value.save_as(path)
        return path

    def faults(self) -> list[str]:
        """Return what axe-core finds serious or critical on what is shown."""
        from axe_playwright_python.sync_playwright import Axe

        # Where something fades in, it has other colours for a moment.
        self.page.wait_for_timeout(200)
        found = Axe().run(self.page).response["violations"]
        return [
            f"{fault['impact']} {fault['id']}: {fault['nodes'][0]['html'][:200]}"
            for fault in found
            if fault["impact"] in ("serious", "critical")
        ]


def walk(person: Person, classes: dict[str, Sequence[Path]], photo: Path) -> dict[str, float]:
    """Go from the empty page to a trained and tried classifier; return the seconds after each step."""
    started = time.perf_counter()
    seconds: dict[str, float] = {}

    def reached(step: str) -> None:
        seconds[step] = round(time.perf_counter() - started, 2)

    person.open()
    reached("open")
    for number, (name, files) in enumerate(classes.items()):
        person.name_class(number, name)
        person.give_photos(number, files)
    reached("photos")
    person.check()
    reached("check")
    person.train()
    reached("train")
    person.press("Try it")
    person.try_file(photo)
    reached("try")
    return seconds
