"""A backbone and images made ready for training: where it is cut, what passed the cut, and in which precision."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from regraft.backbones.registry import Backbone
from regraft.backbones.stage_names import HEAD
from regraft.data.dataset import NOUNS
from regraft.data.images import digest, read_bytes
from regraft.features.engine_openvino import engine_folder
from regraft.features.engine_texts import text_engine_folder
from regraft.finetuning.augmentation import Augmentation
from regraft.finetuning.settings import Training
from regraft.finetuning.sound_augmentation import SoundAugmentation
from regraft.strategies.defaults import augmentation_of
from regraft.strategies.job import Job

if TYPE_CHECKING:
    from torch.utils.data import DataLoader

    from regraft.finetuning.network import TrainedNetwork
    from regraft.finetuning.training import Trained
    from regraft.finetuning.views import Variation, Views

LARGEST_VIEWS = 6 * 2**30
"""Bytes of views at most; fewer views are kept where more images pass the cut."""


class Prepared:
    """One backbone and the images of one training, as often as it is run.

    Parameters
    ----------
    job : Job
    backbone : Backbone
    learnt, val : int arrays
        Positions of the images to be trained on, and of those to be validated on; an image may be both, in turn.
    training : Training
        Settled.
    flips : bool
        Whether images may be mirrored.
    """

    def __init__(
        self, job: Job, backbone: Backbone, learnt: np.ndarray, val: np.ndarray, training: Training, flips: bool
    ) -> None:
        self.job, self.backbone, self.training = job, backbone, training
        self.begun = time.monotonic()
        self.scratch = job.scratch
        self.augmentation = augmentation_of(training, flips, backbone.modality)
        self.learnt, self.val = np.sort(learnt), np.sort(val)
        if self.augmentation.off:
            self.learnt = self.val = np.union1d(learnt, val)
        self.note = ""
        self.shape: tuple[int, ...] | None = None
        self.views: Views | None = None
        self.plain: Views | None = None
        self.pieces: dict[int, np.ndarray] = {}
        if backbone.modality == "text":
            self._read()
        elif training.cut or training.unfreeze == HEAD:
            self._cut()

    def _read(self) -> None:
        """Cut texts into pieces; where the head alone is trained, take the features that are there already."""
        from regraft.data.texts import decode
        from regraft.finetuning.views import Views, as_bf16

        positions = np.union1d(self.learnt, self.val)
        if self.training.unfreeze == HEAD and self.job.features is not None:
            self.learnt = self.val = positions
            values = as_bf16(self.job.features_of(self.backbone)[positions])
            self.views = self.plain = Views(values[:, None], len(positions))
            return
        texts = [decode(read_bytes(self.job.dataset.examples[int(i)])) for i in positions]
        encoder: Any = self.backbone
        self.pieces = dict(zip(positions.tolist(), encoder.tokenize(texts), strict=True))

    def _cut(self) -> None:
        """Compute what passes the cut, unless nothing is frozen or the network cannot be cut."""
        from regraft.backbones.stages import CannotCut
        from regraft.finetuning.network import lower_part

        assert self.training.unfreeze is not None
        try:
            below, self.shape = lower_part(self.backbone, self.training.unfreeze)
        except CannotCut as error:
            self.note = f"The network cannot be cut there ({error}), so all of it ran in every epoch."
            return
        if below is None:
            return
        wanted = 1 if self.augmentation.off else self.training.views
        self.plain = self._views(below, self.val, self._as_it_is, 1)
        size = self.plain.values.shape[2] * 2 * len(self.learnt)
        count = max(1, min(wanted, LARGEST_VIEWS // size))
        if count < wanted:
            self.note = f"{self._kept(count)} instead of {wanted}, to stay below 6 GB."
        self.views = self.plain if self.augmentation.off else self._views(below, self.learnt, self.augmentation, count)

    @property
    def _folder(self) -> Path:
        """The folder of what is known about running this backbone here."""
        if self.backbone.modality == "text":
            encoder: Any = self.backbone
            return text_engine_folder(encoder)
        return engine_folder(self.backbone)

    @property
    def _as_it_is(self) -> Variation:
        return SoundAugmentation() if self.backbone.modality == "audio" else Augmentation()

    def _views(self, below: Backbone, images: np.ndarray, augmentation: Variation, count: int) -> Views:
        from regraft.finetuning.module import TooShort
        from regraft.finetuning.views import TooSlow, compute_views

        examples = [self.job.dataset.examples[int(i)] for i in images]
        while True:
            try:
                with self.job.processes.in_turn():
                    return compute_views(
                        examples,
                        below,
                        augmentation,
                        count,
                        engine=self.job.engine,
                        within=self.job.left / 3,
                        progress=self.job.progress,
                    )
            except TooSlow as error:
                if count == 1:
                    raise TooShort(error.needed, self.job.left) from error
                count //= 2
                self.note = f"{self._kept(count)}: for more there was no time."

    def _kept(self, count: int) -> str:
        one = NOUNS[self.backbone.modality][0]
        return f"1 view of each {one} was kept" if count == 1 else f"{count} views of each {one} were kept"

    def run(self, train: np.ndarray, val: np.ndarray | None, name: str, epochs: int | None = None) -> Any:
        """Train a new network on some of the images; return it as it was after its best epoch, and how it went.

        Parameters
        ----------
        train, val : int arrays
            Positions; without `val` the network is kept as it ends.
        name : str
        epochs : int, optional
            Where they are known already.
        """
        from regraft.finetuning.adapters import merge_adapters
        from regraft.finetuning.batches import shared, validation_loader
        from regraft.finetuning.training import LAST
        from regraft.finetuning.training import train as train_network

        training = self.training
        if epochs is not None:
            # A schedule of several phases has no fewer than two epochs, even if the first was the best.
            training = replace(training, epochs=max(epochs, 1 if training.schedule == "together" else 2))
        network, batches, settled = self.begin(train)
        validation, processes = None, self.job.processes
        if val is not None:
            validation = validation_loader(shared(self.batches(val, plain=True), processes), training.batch_size)
        folder = None if self.job.folder is None else self.job.folder / _slug(name)
        last = None if self.job.resume is None else self.job.resume / _slug(name) / LAST
        if last is not None:
            processes.check_found(last, last.is_file())
        fingerprint = self._fingerprint(train, training)
        processes.check_alike(fingerprint)
        trained: Trained = train_network(
            network,
            batches,
            validation,
            training,
            len(self.job.classes),
            name=name,
            seed=self.job.seed,
            precision=settled,
            deadline=self.job.deadline,
            folder=folder,
            resume=last if last is not None and last.is_file() else None,
            fingerprint=fingerprint,
            begun=self.begun,
            report=self.job.report,
            processes=processes,
        )
        if training.lora:
            merge_adapters(network)
        return network, trained

    def begin(self, train: np.ndarray) -> tuple[TrainedNetwork, DataLoader[Any], str]:
        """Return a new network, the batches of some images to train it on, and the precision to train it in."""
        import torch

        from regraft.finetuning import precision
        from regraft.finetuning.adapters import add_adapters
        from regraft.finetuning.batches import first_batch, shared, train_loader

        training, processes = self.training, self.job.processes
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.job.seed)
            network = self._network(train)
            if training.lora:
                add_adapters(network, training.lora)
        examples = shared(self.batches(train, plain=False), processes)
        batches = train_loader(examples, training.batch_size, self.job.seed)
        sample, _ = first_batch(batches)
        part = network.trained[0] if network.trained else HEAD
        record = self._folder.with_suffix(f".training-{part}{'' if self.views is not None else '.whole'}.json")
        with processes.in_turn():
            settled, form = precision.settle(network, sample, training.precision, record)
        settled = ("f32", "bf16")[int(processes.agree(settled == "bf16"))]
        formats = (torch.contiguous_format, torch.channels_last)
        form = formats[int(processes.agree(form is torch.channels_last))]
        return network.to(memory_format=form), batches, settled

    def _network(self, train: np.ndarray) -> TrainedNetwork:
        from regraft.finetuning.head import build_head
        from regraft.finetuning.network import TrainedNetwork, upper_part

        assert self.training.unfreeze is not None
        body, stages = upper_part(self.backbone, self.training.unfreeze, self.views is not None)
        probe = self._probe(train)
        width = self._width(body)
        head = build_head(self.job.head, width, len(self.job.classes), **self.job.head_settings)
        if probe is not None:
            from regraft.finetuning.head import start_from

            start_from(head, *probe)
        return TrainedNetwork(body, head, stages, self.shape, learn_statistics=self.scratch)

    def _width(self, body: Any) -> int:
        import torch

        if body is None:
            assert self.views is not None
            return self.views.values.shape[2]
        if self.pieces:
            return self.backbone.feature_dim
        body.eval()
        with torch.inference_mode():
            if self.shape is not None:
                return body.vector(body.network.forward_features(torch.zeros(1, *self.shape))).shape[1]
            size = self.backbone.preprocessing.size
            return body(torch.zeros(1, size, size, 3)).shape[1]

    def _probe(self, train: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the coefficients of a linear probe on the training images, from which the head starts."""
        if self.job.features is None or self.job.head != "linear" or self.scratch:
            return None
        from threadpoolctl import threadpool_limits

        from regraft.heads.logistic import LogisticHead

        values = self.job.features_of(self.backbone)[train]
        with threadpool_limits(limits=1):
            head = LogisticHead(powers=(1.0,), seed=self.job.seed).fit(values, self.job.y[train])
        tensors, _ = head.state()
        return tensors["coef"], tensors["intercept"]

    def batches(self, positions: np.ndarray, *, plain: bool) -> Any:
        """Return some images as they are trained on, or `plain`, as a dataset of batches."""
        from regraft.finetuning.batches import CutBatches, ImageBatches, TextBatches

        y = self.job.y[positions]
        if self.views is not None and self.plain is not None:
            views, images = (self.plain, self.val) if plain else (self.views, self.learnt)
            return CutBatches(views, np.searchsorted(images, positions), y, self.shape)
        if self.pieces:
            encoder: Any = self.backbone
            return TextBatches([self.pieces[int(i)] for i in positions], y, encoder.pad)
        augmentation = self._as_it_is if plain else self.augmentation
        examples = [self.job.dataset.examples[int(i)] for i in positions]
        return ImageBatches(examples, y, self.backbone, augmentation, self.job.seed)

    def _fingerprint(self, train: np.ndarray, training: Training) -> dict[str, str]:
        """Return what a checkpoint must agree in to be gone on with."""
        data = hashlib.sha256()
        for i in train:
            data.update(f"{digest(read_bytes(self.job.dataset.examples[int(i)]))} {self.job.y[i]}".encode())
        backbone = [self.backbone.name, self.backbone.weights.sha256(), self.backbone.preprocessing.to_dict()]
        heard = [] if self.backbone.sound is None else [self.backbone.sound.to_dict()]
        settings = [training.to_dict(), self.augmentation.to_dict(), self.job.head, self.job.head_settings]
        return {
            "data set": data.hexdigest(),
            "backbone": hashlib.sha256(
                json.dumps([*backbone, *heard, self.backbone.layer, self.backbone.pool]).encode()
            ).hexdigest(),
            "way of training": hashlib.sha256(json.dumps([*settings, self.job.seed]).encode()).hexdigest(),
        }

    def logits(self, network: TrainedNetwork, positions: np.ndarray) -> np.ndarray:
        """Return the logits (n, k) of examples as they are."""
        import torch

        from regraft.finetuning.batches import as_floats, validation_loader

        network.eval()
        with torch.inference_mode():
            loader: DataLoader[Any] = validation_loader(self.batches(positions, plain=True), self.training.batch_size)
            return torch.cat([network(as_floats(inputs)) for inputs, _ in loader]).float().numpy()

    def trainable(self, network: TrainedNetwork) -> int:
        """Return how many numbers were trained."""
        from regraft.finetuning.network import count

        network.learn((*network.trained, HEAD))
        return count(p for p in network.parameters() if p.requires_grad)


def _slug(name: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in name)
