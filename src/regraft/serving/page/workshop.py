"""What the page works on, kept in the server: whoever opens or reloads the page finds it as it is."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from regraft.auditing.auditing import audit
from regraft.classifier import Classifier
from regraft.data.dataset import Dataset
from regraft.errors import UsageError
from regraft.pipeline import fit
from regraft.reports.audit import render
from regraft.runs import MODEL, REPORT, write_run
from regraft.serving.page.findings import findings, looked_for
from regraft.serving.page.folder import Folder
from regraft.serving.page.jobs import Job, Jobs
from regraft.serving.page.photos import Photos, class_problem
from regraft.serving.page.summary import summary
from regraft.serving.page.trying import try_photo
from regraft.serving.page.warming import Warming

AUDIT = "audit.html"
ONNX = "model.onnx"

PATIENCE = 60.0
"""Seconds that a job has to come to an end when the server stops."""

COMMAND = "regraft app"
"""How the reports say that they were asked for."""


class Workshop:
    """Photos, what was found in them, and what was learnt from them.

    Parameters
    ----------
    root : Path
        An empty folder that is the page's own.
    folders : bool
        Whether the page may be pointed at folders of this machine.
    ready : Warming, optional
        What warms the networks up; jobs wait for its end.
    trained : callable, optional
        Called with each classifier that was trained.
    """

    def __init__(
        self,
        root: Path,
        *,
        folders: bool = True,
        ready: Warming | None = None,
        trained: Callable[[Classifier], None] | None = None,
    ) -> None:
        self.root, self.folders = root, folders
        self._ready, self._trained = ready, trained
        (root / "photos").mkdir()
        self.photos = Photos(root / "photos")
        self.folder: Folder | None = None
        self.jobs = Jobs()
        self._moves = 0
        self._found: list[dict[str, Any]] | None = None
        self._looked: list[dict[str, Any]] = []
        self._summary: dict[str, Any] | None = None
        self._classifier: Classifier | None = None
        self._runs = 0
        self._trying = threading.Lock()

    @property
    def version(self) -> int:
        """Changes whenever an audit or a training would see other photos."""
        return self.photos.version + self._moves

    def open_folder(self, path: str) -> None:
        """Work on the photos of a folder from now on.

        Raises
        ------
        RegraftError
            If that is not allowed here, or it holds no classes of photos.
        """
        if not self.folders:
            raise UsageError(
                "Folders can be opened where the page is reached from this machine alone, but other machines can reach "
                "it; drop the photos instead, or start `regraft app` without --host."
            )
        self.folder = Folder.read(path)
        self._moves += 1

    def close_folder(self) -> None:
        """Go back to the photos that were dropped."""
        self.folder = None
        self._moves += 1

    def small(self, photo_id: str) -> bytes:
        """Return a photo's small picture, a JPEG."""
        if photo_id.startswith("folder-") and self.folder is not None:
            return self.folder.small(photo_id)
        return self.photos.small(photo_id)

    def start_audit(self) -> None:
        """Begin to look for what is wrong with the photos.

        Raises
        ------
        RegraftError
            If they cannot be learnt from, or another job is still going on.
        """
        dataset, ids = self._data()

        def work(job: Job) -> None:
            self._wait(job)
            phase = "Looking at the photos"
            job.begin(phase, 0.0)
            found = audit(dataset, progress=job.progress(phase, 0.0, 0.8), announce=job.say)
            job.begin("Comparing them with each other", 0.9)
            kept = {name: position for position, name in enumerate(dataset.names)}
            told = findings(found.audit, [ids[kept[name]] for name in found.dataset.names])
            _write(self.root / AUDIT, render(found, COMMAND))
            self._found, self._looked = told, looked_for(found.audit)

        self.jobs.start("audit", self.version, work)

    def start_fit(self) -> None:
        """Begin to train.

        Raises
        ------
        RegraftError
            If the photos cannot be learnt from, or another job is still going on.
        """
        dataset, _ = self._data()

        def work(job: Job) -> None:
            self._wait(job)

            def progress(done: int, total: int) -> None:
                look(done, total)
                if done >= total:
                    job.begin("Learning, and testing on photos it has not learnt from", 0.6)

            look = job.progress("Looking at the photos", 0.0, 0.6)
            job.begin("Looking at the photos", 0.0)
            # What cannot be read has been told by the audit.
            result = fit(dataset, skip_unreadable=True, progress=progress, announce=job.say, command=COMMAND)
            job.begin("Writing the report", 0.95)
            self._runs += 1
            folder = write_run(result, self.root / f"run-{self._runs}")
            with self._trying:
                self._classifier, self._summary = result.classifier, summary(result)
            if self._trained is not None:
                self._trained(result.classifier)
            if self._runs > 1:
                shutil.rmtree(folder.with_name(f"run-{self._runs - 1}"), ignore_errors=True)

        self.jobs.start("fit", self.version, work)
        self.jobs.forget("onnx")

    def start_onnx(self) -> None:
        """Begin to write the classifier as an ONNX file, which must say the same as the classifier itself.

        Raises
        ------
        RegraftError
            If nothing was trained yet, or another job is still going on.
        """
        classifier, folder = self._trained_one(), self.run_folder
        images = list(self._data()[0].examples)[:64]

        def work(job: Job) -> None:
            self._wait(job)
            job.begin("Writing the ONNX file, and comparing what it says with the classifier")
            from regraft.export.exporting import export

            export(classifier, folder / ONNX, to="onnx", images=images, force=True)

        self.jobs.start("onnx", self.version, work)

    def name_photo(self, name: str, raw: bytes) -> dict[str, Any]:
        """Name one photo; see `try_photo`."""
        classifier = self._trained_one()
        with self._trying:
            return try_photo(classifier, name, raw)

    @property
    def run_folder(self) -> Path:
        """Where the last training's files are."""
        return self.root / f"run-{self._runs}"

    def file(self, name: str) -> Path:
        """Return one of the files that can be downloaded.

        Raises
        ------
        UsageError
            If it is not there yet.
        """
        path = self.root / AUDIT if name == AUDIT else self.run_folder / name
        if name not in (AUDIT, MODEL, REPORT, ONNX) or not path.is_file():
            raise UsageError(f"{name} must be made before it can be had, but it is not; go back to that step.")
        return path

    def state(self) -> dict[str, Any]:
        """Return all that the page shows, as plain values for JSON."""
        classes, folder = self.photos.classes, self.folder
        last = {kind: self.jobs.last(kind) for kind in ("audit", "fit", "onnx")}
        shown = [
            {
                "id": each.id,
                "name": each.name,
                "photos": [{"id": photo.id, "name": photo.name} for photo in each.photos],
            }
            for each in classes
        ]
        counts = [(each.name, len(each.photos)) for each in classes]
        pointed = None
        if folder is not None:
            counts = list(folder.counts().items())
            pointed = {
                "path": str(folder.path),
                "classes": [
                    {"name": name, "count": count, "photos": [{"id": i, "name": n} for i, n in folder.some(name)]}
                    for name, count in counts
                ],
            }
        return {
            "version": self.version,
            "folders": self.folders,
            "folder": pointed,
            "classes": shown,
            "problem": class_problem(counts),
            "jobs": {kind: None if job is None else self._job(job) for kind, job in last.items()},
            "findings": self._found,
            "looked": self._looked,
            "result": self._summary,
            "files": {name: self._size(name) for name in (MODEL, REPORT, ONNX)},
        }

    def close(self) -> None:
        """End what is going on, and forget all photos."""
        if self._ready is not None:
            self._ready.stop()
        self.jobs.stop(PATIENCE)
        shutil.rmtree(self.root, ignore_errors=True)

    def _data(self) -> tuple[Dataset, tuple[str, ...]]:
        return self.photos.dataset() if self.folder is None else self.folder.dataset()

    def _job(self, job: Job) -> dict[str, Any]:
        return {**job.to_dict(), "stale": job.version != self.version}

    def _size(self, name: str) -> int | None:
        try:
            return (self.run_folder / name).stat().st_size
        except OSError:
            return None

    def _trained_one(self) -> Classifier:
        if self._classifier is None:
            raise UsageError("There must be a classifier to use, but none has been trained yet; train one first.")
        return self._classifier

    def _wait(self, job: Job) -> None:
        if self._ready is not None and self._ready.going_on:
            job.begin("Getting the networks ready")
            self._ready.wait()


def _write(path: Path, page: str) -> None:
    # A file name's undecodable bytes come as lone surrogates, which UTF-8 cannot hold.
    path.write_bytes(page.encode("utf-8", errors="backslashreplace"))
