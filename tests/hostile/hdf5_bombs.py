"""HDF5 files that claim any number of images, that point elsewhere, or whose types and names are odd."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path

import numpy as np

from hostile.mutations import Random
from hostile.seeds import labels, written


def _huge(path: Path, shape: tuple[int, ...], chunks: tuple[int, ...], labelled: bool, dtype: str = "u1") -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file.create_dataset("x", shape, dtype, chunks=chunks, compression="gzip")
        if labelled:
            file.create_dataset("y", (shape[0],), "i4", chunks=(min(shape[0], 10**6),))
        else:
            file["y"] = labels(shape[0])


def _in_chunks(path: Path, chunks: tuple[int, ...]) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        made = file.create_dataset("x", (4, 16, 16, 3), "u1", chunks=chunks, maxshape=(None,) * 4, compression="gzip")
        made[:] = 7
        file["y"] = labels(4)


def _elsewhere(path: Path, way: str) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        if way == "external":
            file.create_dataset("x", (4, 8, 8), "u1", external=[("/etc/passwd", 0, 256)])
        elif way == "virtual":
            space = h5py.h5s.create_simple((4, 16, 16, 3))
            plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plan.set_obj_track_times(False)  # else no two files would be the same
            plan.set_virtual(space, b"/tmp/regraft-outside.h5", b"x", space)
            h5py.h5d.create(file.id, b"x", h5py.h5t.NATIVE_UINT8, space, dcpl=plan)
        elif way == "link":
            file["x"] = h5py.ExternalLink("/etc/passwd", "/x")
        else:
            file["a"] = h5py.SoftLink("/a")
            group = file.create_group("g")
            group["g"] = file["/"]
            file["x"] = np.zeros((4, 16, 16, 3), np.uint8)
        file["y"] = labels(4)


def _odd_types(path: Path, which: int) -> None:
    import h5py

    kinds = ("V8", "f2", "c8", "S1000000", h5py.ref_dtype, h5py.string_dtype(), [("a", "i4"), ("b", "f8")], "bool")
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (4, 16, 16), kinds[which], chunks=(1, 16, 16))
        file.create_dataset("y", (4,), kinds[-1 - which])


def _names(path: Path, which: int) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file["x"] = np.zeros((4, 16, 16, 3), np.uint8)
        if which == 0:
            file["y"] = np.array([b"\xff\xfe", b"\0\0a", b"a" * 1000, b"b"], "S1000")
        elif which == 1:
            file["y"] = [np.nan, np.inf, -np.inf, 1e308]
        elif which == 2:
            file["y"], file["list_classes"] = [0, 1, 2**31, -1], [b"a"] * 4
        else:
            file["y"] = labels(4)
            for i in range(3_000):
                file[f"{'g/' * 20}images{i}"] = np.zeros((1, 2, 2), np.uint8)


HDF5 = (
    partial(_huge, shape=(10**12, 16, 16, 3), chunks=(1, 16, 16, 3), labelled=True),
    partial(_huge, shape=(10**6, 16, 16, 3), chunks=(1, 16, 16, 3), labelled=True),
    partial(_huge, shape=(4, 60_000, 60_000, 3), chunks=(1, 256, 256, 3), labelled=False),
    partial(_huge, shape=(4, 8_000, 8_000, 3), chunks=(1, 256, 256, 3), labelled=False, dtype="f8"),
    partial(_in_chunks, chunks=(4, 5_000, 5_000, 3)),
    partial(_in_chunks, chunks=(2_000, 256, 256, 3)),
    partial(_elsewhere, way="external"),
    partial(_elsewhere, way="virtual"),
    partial(_elsewhere, way="link"),
    partial(_elsewhere, way="loop"),
    *(partial(_odd_types, which=which) for which in range(8)),
    *(partial(_names, which=which) for which in range(4)),
)


@cache
def _hdf5(which: int) -> bytes:
    return written("a.h5", HDF5[which])


def crafted_hdf5(rng: Random) -> bytes:
    """An HDF5 file of 10^12 images, of huge chunks, of data that are elsewhere, of odd types, of odd names."""
    return _hdf5(int(rng.integers(len(HDF5))))
