"""Features as a file for other programs: Parquet or NumPy's .npz."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from regraft.errors import UsageError


def check_feature_file(path: str | Path) -> Path:
    """Return the path if features can be written there.

    Raises
    ------
    UsageError
        If its ending is neither .parquet nor .npz, or it exists.
    """
    path = Path(path)
    if path.suffix not in (".parquet", ".npz"):
        raise UsageError(f"--out must end in .parquet or .npz, not {path.suffix or 'nothing'!r}: {path}.")
    if path.exists():
        raise UsageError(f"--out must be a new file, but {path} exists; choose another name.")
    if not path.parent.is_dir():
        raise UsageError(f"--out must be in an existing folder, but there is no {path.parent}; make it first.")
    return path


def write_features(
    path: str | Path, names: Sequence[str], values: np.ndarray, labels: Sequence[str] | None = None
) -> None:
    """Write features to a new file, whole or not at all.

    Parameters
    ----------
    path : path
        Ends in .parquet (columns image, label, features) or .npz (arrays images, labels, features).
    names : sequence of str, length n
    values : float32 array of shape (n, d)
    labels : sequence of str, length n, optional

    Raises
    ------
    UsageError
        If the ending is unknown or the file exists.
    """
    path = check_feature_file(path)
    # File names that are no UTF-8 have no place in either format.
    printable = [name.encode("utf-8", "backslashreplace").decode() for name in names]
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-", delete=False) as file:
        temporary = Path(file.name)
        try:
            if path.suffix == ".npz":
                arrays: dict[str, Any] = {"images": np.array(printable), "features": values}
                if labels is not None:
                    arrays["labels"] = np.array(labels)
                np.savez(file, **arrays)
            else:
                _write_parquet(file, printable, values, labels)
            file.close()
            temporary.chmod(0o644)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def _write_parquet(file: object, names: list[str], values: np.ndarray, labels: Sequence[str] | None) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"image": pa.array(names)}
    if labels is not None:
        columns["label"] = pa.array(list(labels))
    flat = pa.array(np.ascontiguousarray(values).reshape(-1))
    columns["features"] = pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
    pq.write_table(pa.table(columns), file)
