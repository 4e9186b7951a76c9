"""Data flows one way: a module imports only what stands above it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import regraft

ROOT = Path(regraft.__file__).parent

# From the top of the house to its bottom; a room may import the rooms above it, and itself.
ROOMS = (
    "errors",
    "_optional",
    "places",
    "data",
    "backbones",
    "features",
    "heads",
    "evaluation",
    "relations",
    "protocol",
    "probe",
    "control",
    "evidence",
    "auditing",
    "transferability",
    "self_training",
    "persistence",
    "prediction",
    "classifier",
    "exploration",
    "zero_shot",
    "growing",
    "result",
    "finetuning",
    "strategies",
    "adaptation",
    "proving",
    "request",
    "card",
    "fitting",
    "pipeline",
    "few_shot",
    "comparison",
    "domains",
    "multitask",
    "bulk",
    "recipes",
    "reports",
    "tracking",
    "runs",
    "export",
    "serving",
    "cli",
    "__main__",
)

HEAVY = (
    "torch",
    "timm",
    "torchvision",
    "lightning",
    "peft",
    "gensim",
    "soundfile",
    "soxr",
    "openvino",
    "sklearn",
    "pyarrow",
    "h5py",
    "matplotlib",
    "pandas",
    "scipy",
    "sentence_transformers",
    "transformers",
    "open_clip",
    "umap",
    "usearch",
    "ot",
    "skada",
    "onnx",
    "onnxscript",
    "onnxruntime",
    "nncf",
    "fastapi",
    "starlette",
    "uvicorn",
    "pydantic",
    "prometheus_client",
    "python_multipart",
    "httptools",
    "fastapi_offline",
    "litert_torch",
    "ai_edge_litert",
    "fsspec",
    "ray",
    "mlflow",
    "tensorboard",
    "wandb",
)

LEAVES = {
    "backbones/vision.py": ("torch", "timm"),
    "backbones/small_cnn.py": ("torch", "timm"),
    "backbones/clip.py": ("torch",),
    "backbones/text_network.py": ("torch",),
    "backbones/stages.py": ("torch",),
    "finetuning/network.py": ("torch",),
    "finetuning/head.py": ("torch",),
    "finetuning/regularization.py": ("torch",),
    "finetuning/adapters.py": ("torch",),
    "finetuning/batches.py": ("torch",),
    "finetuning/module.py": ("torch", "lightning"),
    "finetuning/precision.py": ("torch",),
    "finetuning/training.py": ("torch", "lightning"),
    "finetuning/synchronized.py": ("torch",),
    "adaptation/bottleneck.py": ("torch",),
    "adaptation/deep_coral.py": ("torch",),
    "adaptation/domain_adversarial.py": ("torch",),
    "adaptation/minimum_class_confusion.py": ("torch",),
    "adaptation/network_training.py": ("torch", "lightning"),
    "adaptation/normalization.py": ("torch",),
    "adaptation/test_time_entropy.py": ("torch", "lightning"),
    "multitask/heads.py": ("torch",),
    "multitask/module.py": ("torch", "lightning"),
    "multitask/training.py": ("torch", "lightning"),
    "multitask/trunks.py": ("torch",),
    "multitask/weighting/base.py": ("torch",),
    "multitask/weighting/equal.py": ("torch",),
    "multitask/weighting/grad_norm.py": ("torch",),
    "multitask/weighting/uncertainty.py": ("torch",),
    "export/square.py": ("torch",),
    "export/heads.py": ("torch",),
    "export/network.py": ("torch",),
    "serving/answers.py": ("starlette",),
    "serving/api.py": ("fastapi", "starlette"),
    "serving/documents.py": ("fastapi",),
    "serving/metrics.py": ("prometheus_client",),
    "serving/protocol.py": ("uvicorn",),
    "serving/schema.py": ("pydantic",),
}
"""Files that may import something heavy at the top, since nothing imports them at the top."""

SKLEARN_ROOMS = ("heads", "adaptation")


def _files() -> list[Path]:
    return sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


def _room(path: Path) -> str:
    first = path.relative_to(ROOT).parts[0]
    return first.removesuffix(".py")


def _imports(path: Path) -> list[str]:
    """Return every regraft module that a file imports at run time, wherever in the file."""
    found = []
    for node in ast.walk(_without_type_checking(ast.parse(path.read_text()))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the direction"
            base = node.module or ""
            found += [f"{base}.{alias.name}" if base == "regraft" else base for alias in node.names]
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
    return [name for name in found if name.split(".")[0] == "regraft"]


def _without_type_checking(tree: ast.Module) -> ast.Module:
    class Strip(ast.NodeTransformer):
        def visit_If(self, node: ast.If) -> ast.AST | None:
            if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
                return None
            self.generic_visit(node)
            return node

    return Strip().visit(tree)


def test_every_room_is_in_the_plan() -> None:
    assert {_room(path) for path in _files()} == set(ROOMS)


@pytest.mark.parametrize("path", _files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_up_only(path: Path) -> None:
    here = ROOMS.index(_room(path))
    for name in _imports(path):
        parts = name.split(".")
        if len(parts) == 1 or parts[1] == "__version__":
            continue
        assert parts[1] in ROOMS, f"{name} is no room"
        assert ROOMS.index(parts[1]) <= here, f"{path.relative_to(ROOT)} must not import {name}, which stands below it"


@pytest.mark.parametrize("path", _files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_heavy_at_the_top_of_a_file(path: Path) -> None:
    relative = path.relative_to(ROOT).as_posix()
    allowed = LEAVES.get(relative, ())
    if _room(path) in SKLEARN_ROOMS and path.name not in ("__init__.py", "scoring.py"):
        allowed += ("sklearn", "scipy")
    for node in _without_type_checking(ast.parse(path.read_text())).body:
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for name in names:
            top = name.split(".")[0]
            assert top not in HEAVY or top in allowed, f"{relative} imports {top} at its top"


@pytest.mark.parametrize(
    "module", ["regraft", "regraft.pipeline", "regraft.classifier", "regraft.runs", "regraft.cli.fit"]
)
def test_importing_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*(set(sys.modules) & set({HEAVY!r})))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []


def test_nothing_loads_pickle() -> None:
    for path in _files():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
                assert not {"pickle", "joblib", "dill", "cloudpickle"} & {n.split(".")[0] for n in names}, path
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
                assert any(k.arg == "weights_only" and ast.unparse(k.value) == "True" for k in node.keywords), path
