"""One training from its start to the best of its epochs: checkpoints, early stopping, averaging, time."""

from __future__ import annotations

import logging
import math
import shutil
import signal
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import EarlyStopping, EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.strategies import DDPStrategy
from torch.utils.data import DataLoader

from regraft.errors import RegraftError, UsageError
from regraft.finetuning.batches import as_floats, first_batch
from regraft.finetuning.module import Diverged, FineTuning, TooShort
from regraft.finetuning.network import TrainedNetwork
from regraft.finetuning.processes import ALONE, Processes, is_lost, lost
from regraft.finetuning.regularization import L2SP, Delta
from regraft.finetuning.schedules import phases
from regraft.finetuning.settings import Training
from regraft.result import Epoch

LAST = "last.ckpt"


@dataclass(frozen=True)
class Trained:
    """What a training gave: its network is left as it was after its best epoch.

    Parameters
    ----------
    history : tuple of Epoch
    best : Epoch or None
        The epoch with the least validation loss; None where not one came to its end.
    note : str
        What went otherwise than planned; "" where nothing did.
    """

    history: tuple[Epoch, ...]
    best: Epoch | None
    note: str = ""


def train(
    network: TrainedNetwork,
    train_batches: DataLoader[Any],
    val_batches: DataLoader[Any] | None,
    training: Training,
    n_classes: int,
    *,
    name: str,
    seed: int,
    precision: str = "f32",
    deadline: float | None = None,
    folder: Path | None = None,
    resume: Path | None = None,
    fingerprint: dict[str, str] | None = None,
    begun: float | None = None,
    report: Callable[[Epoch], None] | None = None,
    processes: Processes = ALONE,
) -> Trained:
    """Train a network, and leave it as it was after the epoch with the least validation loss.

    Parameters
    ----------
    network : TrainedNetwork
    train_batches : DataLoader
    val_batches : DataLoader or None
        None trains to the end and keeps that: where the number of epochs was chosen before.
    training : Training
        Settled.
    n_classes : int
    name : str
        Of the attempt.
    seed : int
    precision : {"f32", "bf16"}
    deadline : float, optional
        By `time.monotonic`.
    folder : Path, optional
        Where checkpoints go; default: a temporary one.
    resume : Path, optional
        A checkpoint to go on from.
    fingerprint : dict of str to str, optional
        What the training depends on; a checkpoint with another one is refused.
    begun : float, optional
        When the attempt began, by `time.monotonic`: preparing it counts in the history.
    report : callable, optional
        Called with each `Epoch` as it ends.
    processes : Processes
        That train together, each on its share of every batch; all are left with the same network.

    Raises
    ------
    UsageError
        If the checkpoint is another training's.
    RegraftError
        If the checkpoints cannot be written.
    """
    assert training.epochs is not None and training.patience is not None
    if resume is not None:
        check_checkpoint(resume, fingerprint or {})
    temporary = None
    if folder is None:
        temporary = folder = Path(tempfile.mkdtemp(prefix="regraft-training-"))
    processes.share_weights(network)
    with torch.random.fork_rng(devices=[]):
        # What each process draws from now on, such as mixup's shares, is its own.
        torch.manual_seed(seed + processes.rank)
        holds = _holds(network, training, train_batches)
        plan = phases(training.schedule, network.trained, training.epochs)
        since = time.monotonic() if begun is None else begun
        module = FineTuning(
            network,
            training,
            plan,
            len(train_batches),
            n_classes,
            deadline,
            holds,
            name,
            fingerprint or {},
            since,
            report,
            processes,
        )
        try:
            note = _fit(module, train_batches, val_batches, training, precision, folder, resume)
        finally:
            if isinstance(holds, Delta):
                holds.close()
            if temporary is not None:
                shutil.rmtree(temporary, ignore_errors=True)
    network.eval()
    ended = [epoch for epoch in module.history if math.isfinite(epoch.val_loss)]
    best = min(ended, key=lambda epoch: epoch.val_loss) if ended else None
    return Trained(tuple(module.history), best, note)


def _holds(network: TrainedNetwork, training: Training, batches: DataLoader[Any]) -> L2SP | Delta | None:
    if training.regularize == "l2-sp":
        return L2SP(network, training.strength)
    if training.regularize == "delta":
        inputs, targets = first_batch(batches)
        return Delta(network, training.strength, as_floats(inputs), targets)
    return None


def _fit(
    module: FineTuning,
    train_batches: DataLoader[Any],
    val_batches: DataLoader[Any] | None,
    training: Training,
    precision: str,
    folder: Path,
    resume: Path | None,
) -> str:
    validated = val_batches is not None
    # Lightning's own save_last follows the best epoch only: a training that got no better would begin anew.
    last = ModelCheckpoint(folder, filename=Path(LAST).stem, enable_version_counter=False)
    callbacks: list[pl.Callback] = [last]
    if validated:
        best = ModelCheckpoint(folder, filename="best", monitor="val_loss", enable_version_counter=False)
        callbacks = [best, last, EarlyStopping("val_loss", patience=training.patience or 1, check_finite=False)]
    if training.average:
        steps = (training.epochs or 1) * module.steps
        callbacks.insert(0, EMAWeightAveraging(decay=min(0.999, max(0.5, 1 - 10 / steps))))
    processes = module.processes
    trainer = quiet_trainer(
        processes,
        callbacks=callbacks,
        max_epochs=training.epochs,
        precision="bf16-mixed" if precision == "bf16" else "32-true",
        gradient_clip_val=training.clip or None,
        default_root_dir=folder,
    )
    note = ""
    on_interrupt = signal.getsignal(signal.SIGINT)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trainer.fit(
                module, train_batches, val_batches, ckpt_path=None if resume is None else str(resume), weights_only=True
            )
    except (Diverged, TooShort) as stopped:
        note = str(stopped)
    except SystemExit as stopped:
        if not isinstance(stopped.__context__, KeyboardInterrupt):
            raise
        # Lightning makes an exit of Ctrl-C, and leaves the process deaf to the next one.
        signal.signal(signal.SIGINT, on_interrupt)
        raise KeyboardInterrupt from stopped
    except OSError as error:
        raise RegraftError(
            f"The checkpoints must be written where there is room, but {folder} cannot ({error.strerror or error}); "
            "choose another place with --out."
        ) from error
    except RuntimeError as error:
        if not processes.several or not is_lost(error):
            raise
        raise lost(error) from error
    # By its name, since the folder may have been moved before the training was gone on with.
    kept = folder / Path((best if validated else last).best_model_path or "none").name
    if processes.first and kept.is_file():
        state = torch.load(kept, map_location="cpu", weights_only=True)["state_dict"]
        module.load_state_dict(state)
    processes.share_weights(module.network)
    return note


def quiet_trainer(processes: Processes = ALONE, **settings: Any) -> pl.Trainer:
    """Return a trainer that prints nothing: what is to be said is said by `report`.

    Parameters
    ----------
    processes : Processes
        That train together.
    **settings
        Of Lightning's trainer.
    """
    for name in ("lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pl.Trainer(
            # Lightning would also take Apple's, on which processes cannot train together.
            accelerator="auto" if not processes.several else "cuda" if torch.cuda.is_available() else "cpu",
            devices=processes.local_count,
            num_nodes=processes.count // processes.local_count,
            # What is not used then has no gradient ever. Statistics are those of all processes already.
            strategy=DDPStrategy(static_graph=True, broadcast_buffers=False) if processes.several else "auto",
            plugins=[processes.environment()],
            use_distributed_sampler=False,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            **settings,
        )


def check_checkpoint(file: Path, fingerprint: dict[str, str]) -> None:
    """Raise UsageError unless a checkpoint is of the training that the fingerprint is of."""
    if not file.is_file():
        raise UsageError(
            f"--resume must name the folder of a training that was interrupted, but {file.parent} has no {LAST}; "
            "leave it out to begin anew."
        )
    try:
        found = torch.load(file, map_location="cpu", weights_only=True).get("fingerprint")
    except Exception as error:  # torch raises RuntimeError, UnpicklingError, EOFError, ...
        raise UsageError(
            f"The checkpoint {file} must be one of regraft's, but it cannot be read ({type(error).__name__}); "
            "leave --resume out to begin anew."
        ) from error
    other = [what for what, value in fingerprint.items() if (found or {}).get(what) != value]
    if other:
        raise UsageError(
            f"The checkpoint {file} must be of the same training, but it has another {' and another '.join(other)}; "
            "give the data and options it was begun with, or leave --resume out to begin anew."
        )
