"""Tables of a hundred thousand columns, of millions of empty rows, of values without end."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache

from hostile.mutations import Random
from hostile.seeds import written


def _wide_csv() -> bytes:
    names = ",".join(f"c{i}" for i in range(100_000))
    return f"{names}\n{','.join(['v'] * 100_000)}\n".encode()


def odd_csv(rng: Random) -> bytes:
    """A table with a hundred thousand columns, quotes without end, NULs, other encodings, addresses of devices."""
    made: tuple[Callable[[], bytes], ...] = (
        _wide_csv,
        lambda: b'text,label\n"' + b"never ends " * 200_000,
        lambda: b"text,label\n" + b"a\0b,1\n" * 100,
        lambda: b"image,label\n/dev/zero,a\n/dev/stdin,b\n/etc/passwd,a\n../../../etc/shadow,b\n",
        lambda: b"image,label\n" + b"https://127.0.0.1:1/a.jpg,a\nfile:///etc/passwd,b\n" * 5,
        lambda: b"\xff\xfe" + b"\xd8\0" * 999,
        lambda: b"text,label\n" + b"\xff\xfe\xfd bytes and more,1\n" * 20,
        lambda: b"," * 500_000,
        lambda: b"\n" * 500_000,
        lambda: b"text,label\n" + b"".join(b"it is number %d,%d\n" % (i, i) for i in range(30_000)),
        lambda: b"text,label\n" + b"x " * 5_000_000 + b",a\nit is short,b\n",
    )
    return made[int(rng.integers(len(made)))]()


def odd_jsonl(rng: Random) -> bytes:
    """JSON lines that are nested, that have a field of their own each, numbers without end, halves of characters."""
    made: tuple[Callable[[], bytes], ...] = (
        lambda: b"[" * 200_000,
        lambda: b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        lambda: b"".join(b'{"key%d":%d}\n' % (i, i) for i in range(30_000)),
        lambda: b'{"text": "a b c d", "label": ' + b"9" * 5_000 + b"}\n",
        lambda: b'{"text": "\\ud800 is half a letter", "label": NaN}\n' * 9,
        lambda: b'{"text": "one two three four", "label": 1e999}\n{"text": "five six seven eight", "label": -1e999}\n',
        lambda: b'{"text": "' + b"word " * 2_000_000 + b'", "label": 0}\n{"text": "a b c d", "label": 1}\n',
        lambda: b'{"text": null, "text": "said twice by far", "label": []}\n' * 5,
        lambda: json.dumps({"image": "/dev/zero", "label": "a"}).encode() + b"\n",
    )
    return made[int(rng.integers(len(made)))]()


@cache
def _odd_parquet(which: int) -> bytes:
    import pyarrow
    import pyarrow.parquet

    rows = 40_000_000
    tables: tuple[Callable[[], pyarrow.Table], ...] = (
        lambda: pyarrow.table({"text": pyarrow.nulls(rows, pyarrow.string()), "label": pyarrow.nulls(rows, "i1")}),
        lambda: pyarrow.table({"text": ["z" * 300_000_000, "short it is"], "label": ["a", "b"]}),
        lambda: pyarrow.table({"text": [[["deep"]]] * 9, "label": [{"a": 1}] * 9}),
        lambda: pyarrow.table({"text": [b"\xff\xfe bytes"] * 9, "label": [float("nan"), float("inf"), 1e308] * 3}),
        lambda: pyarrow.table({f"c{i}": [0] for i in range(20_000)}),
    )
    return written("a.parquet", lambda path: pyarrow.parquet.write_table(tables[which](), path, compression="zstd"))


def odd_parquet(rng: Random) -> bytes:
    """A Parquet file of forty million empty rows, of one value of 300 MB, of nested values, of 20,000 columns."""
    return _odd_parquet(int(rng.integers(5)))
