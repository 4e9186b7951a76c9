"""Small trainings that any number of processes can do together: `torchrun trained_together.py FOLDER` writes what they
gave, and what the processes said to each other; `give` gives the same in one process.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from regraft.backbones.lookup import get_backbones
from regraft.backbones.stages import batch_norms
from regraft.errors import RegraftError
from regraft.finetuning.batches import CutBatches, shared, train_loader, validation_loader
from regraft.finetuning.head import build_head
from regraft.finetuning.launching import launched
from regraft.finetuning.network import TrainedNetwork, lower_part, upper_part
from regraft.finetuning.processes import Processes
from regraft.finetuning.settings import Training
from regraft.finetuning.training import LAST, train
from regraft.finetuning.views import Views

PLAIN = Training(
    epochs=3,
    batch_size=4,
    optimizer="sgd",
    learning_rate=0.01,
    weight_decay=0.01,
    rate="cosine",
    patience=100,
)
CASES = {
    "cut, averaged, held by L2-SP": ("layer3", replace(PLAIN, regularize="l2-sp"), 10),
    # The statistics of two such images in so many layers would make much of how numbers are rounded.
    "uncut, statistics learnt": ("all", replace(PLAIN, average=False), 11),
    "a perceptron's statistics": ("head", PLAIN, 10),
    "stage by stage, held by DELTA": ("layer3", replace(PLAIN, schedule="gradual", regularize="delta"), 10),
}
"""The lowest stage that is trained, how, and on how many examples.

Ten are two batches of four and one of two, of which one of three processes has nothing.
"""


def case(name: str, processes: Processes) -> tuple[TrainedNetwork, Any]:
    """Return a network that was trained, and how that went."""
    unfreeze, training, n = CASES[name]
    network, shape = _network(unfreeze)
    return network, _train(network, training, shape, n, processes)


def resumed(processes: Processes, folder: Path) -> tuple[TrainedNetwork, Any]:
    """Return the network of a training of two epochs that was gone on with, up to four."""
    training = replace(PLAIN, epochs=2, rate="constant", average=True)
    found = None
    for epochs in (2, 4):
        network, shape = _network("layer3")
        last = folder / LAST if epochs == 4 else None
        kept = folder if processes.first else None
        settings = replace(training, epochs=epochs)
        found = _train(network, settings, shape, 10, processes, folder=kept, resume=last)
    return network, found


def _train(
    network: TrainedNetwork, training: Training, shape: Any, n: int, processes: Processes, **options: Any
) -> Any:
    inputs = np.random.default_rng(0).uniform(0, 255 if shape == (32, 32, 3) else 1, (2 * n, *(shape or (6,))))
    y = np.resize([0, 1, 2, 0, 1], 2 * n)
    bits = (inputs.astype(np.float32).reshape(2 * n, 1, -1).view(np.uint32) >> 16).astype(np.uint16)

    def batches(rows: np.ndarray) -> Any:
        return shared(CutBatches(Views(bits, 0), rows, y[rows], shape), processes)

    learnt, chosen = np.arange(n), np.arange(n, 2 * n - 1)
    loader = train_loader(batches(learnt), training.batch_size, seed=0)
    validation = validation_loader(batches(chosen), training.batch_size)
    return train(network, loader, validation, training, 3, name="tuned", seed=0, processes=processes, **options)


def _network(unfreeze: str) -> tuple[TrainedNetwork, Any]:
    torch.manual_seed(0)
    if unfreeze == "head":
        head = build_head("mlp", 6, 3, units=(5,), batch_norm=True)
        return TrainedNetwork(None, head, (), None), None
    [backbone] = get_backbones("test_resnet", weights="none", image_size=32)
    cut = unfreeze != "all"
    body, trained = upper_part(backbone, unfreeze, cut=cut)
    shape = lower_part(backbone, unfreeze)[1] if cut else None
    network = TrainedNetwork(body, build_head("linear", backbone.feature_dim, 3), trained, shape, not cut)
    with torch.no_grad():
        for norm in batch_norms(network):
            norm.weight.fill_(1.0)  # type: ignore[union-attr,operator]
    return network, shape or (32, 32, 3)


def diverged(processes: Processes) -> str:
    """Return the note of a training in which one example, which one of the processes has, makes the loss no number."""
    torch.manual_seed(0)
    network = TrainedNetwork(None, build_head("linear", 6, 3), (), None)
    values = np.ones((4, 1, 6), np.float32)
    values[2] = np.inf
    bits = (values.view(np.uint32) >> 16).astype(np.uint16)
    examples = shared(CutBatches(Views(bits, 0), np.arange(4), np.array([0, 1, 2, 0]), None), processes)
    training = replace(PLAIN, average=False)
    loader = train_loader(examples, 4, seed=0)
    note: str = train(network, loader, None, training, 3, name="n", seed=0, processes=processes).note
    return note


def give(processes: Processes, folder: Path) -> Iterator[tuple[str, dict[str, np.ndarray], list[dict[str, Any]]]]:
    """Yield the name, the weights and the history of each training."""
    for name in CASES:
        network, found = case(name, processes)
        yield name, _state(network), [vars(epoch) for epoch in found.history]
    network, found = resumed(processes, folder)
    yield "resumed", _state(network), [vars(epoch) for epoch in found.history]


def _state(network: TrainedNetwork) -> dict[str, np.ndarray]:
    return {name: tensor.numpy().astype(np.float32) for name, tensor in network.state_dict().items()}


def talk(processes: Processes) -> dict[str, Any]:
    """Return what comes of each way to talk."""
    rank = float(processes.rank)
    said: dict[str, Any] = {
        "agree": processes.agree(rank + 0.1),
        "total": processes.total(torch.tensor([1.0, rank])).tolist(),
        "gather": processes.gather(torch.full((processes.rank, 2), rank)).tolist(),
    }
    module = torch.nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    module.weight.data.fill_(rank + 5)
    processes.share_weights(module)
    said["weights"] = module.weight.unique().tolist()
    processes.check_alike({"data set": "the same", "backbone": "too"})
    processes.check_found(Path("last.ckpt"), True)
    processes.check_found(Path("last.ckpt"), False)
    for name, check in (
        ("unlike", lambda: processes.check_alike({"data set": "the same", "backbone": str(processes.rank // 2)})),
        ("missing", lambda: processes.check_found(Path("last.ckpt"), processes.rank == 1)),
    ):
        try:
            check()
        except RegraftError as error:
            said[name] = str(error)
    return said


def main(folder: Path) -> None:
    """Let the processes that torchrun has started train together and talk, and write down what came of it."""
    processes = launched()
    processes.join()
    with processes.in_turn():
        (folder / f"turn-{processes.rank}").write_text(" ".join(path.name for path in sorted(folder.glob("turn-*"))))
    ended = []
    for name, weights, history in give(processes, folder):
        flat = torch.from_numpy(np.concatenate([values.ravel() for values in weights.values()]))
        everyone = processes.gather(flat[None])
        ended.append({"name": name, "history": history, "same": bool((everyone == everyone[0]).all())})
        if processes.first:
            np.savez(folder / f"{len(ended) - 1}.npz", **weights)
    said = {"trained": ended, "diverged": diverged(processes), "talk": talk(processes)}
    (folder / f"{processes.rank}.json").write_text(json.dumps(said))
    processes.part()
    print(f"process {processes.rank} goes on alone")
    (folder / "after.json").write_text(json.dumps([vars(launched())["count"]]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
