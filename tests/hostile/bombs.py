"""Small files that claim or unpack to a great deal, and files that are wrong on purpose; kind by kind."""

from __future__ import annotations

from collections.abc import Callable

from hostile.archive_bombs import (
    claimed_tar,
    crowded_tar,
    crowded_zip,
    deep_tar,
    long_named_tar,
    lying_zip,
    named_tar,
    named_targz,
    named_zip,
    nested_zip,
    sparse_tar,
    unpacking_zip,
)
from hostile.hdf5_bombs import crafted_hdf5
from hostile.image_bombs import (
    claimed_gif,
    claimed_jpeg,
    claimed_other,
    claimed_png,
    claimed_tiff,
    claimed_webp,
    large_jpeg,
    large_jpeg2000,
    large_png,
    large_tiff,
    large_webp,
    scanned_jpeg,
    text_png,
)
from hostile.mutations import Random
from hostile.sound_bombs import claimed_flac, claimed_wav, silent_flac
from hostile.table_bombs import odd_csv, odd_jsonl, odd_parquet

Bomb = Callable[[Random], bytes]

BOMBS: dict[str, tuple[Bomb, ...]] = {
    "jpeg": (claimed_jpeg,),
    "png": (claimed_png,),
    "webp": (claimed_webp,),
    "gif": (claimed_gif,),
    "tiff": (claimed_tiff,),
    "image": (claimed_other,),
    "sound": (claimed_wav,),
    "flac": (claimed_flac,),
    "hdf5": (crafted_hdf5,),
    "zip": (named_zip, lying_zip),
    "tar": (named_tar, claimed_tar, sparse_tar, deep_tar),
    "targz": (named_targz,),
    "csv": (odd_csv,),
    "jsonl": (odd_jsonl,),
    "parquet": (odd_parquet,),
}
"""Kind -> what makes the files that are wrong on purpose."""

HEAVY: dict[str, tuple[Bomb, ...]] = {
    "jpeg": (large_jpeg, scanned_jpeg),
    "png": (large_png, text_png),
    "webp": (large_webp,),
    "tiff": (large_tiff,),
    "image": (large_jpeg2000,),
    "flac": (silent_flac,),
    "zip": (unpacking_zip, nested_zip, crowded_zip),
    "targz": (long_named_tar, crowded_tar),
}
"""Kind -> what makes files that take seconds to make, and would take gigabytes or minutes to read."""
