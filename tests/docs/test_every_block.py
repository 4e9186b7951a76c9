"""Every block and every command of every page is run, or held against the program that runs it."""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import json
import re
import runpy
import shlex
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import pytest

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("*.md"), *ROOT.glob("benchmarks/*.md"), *ROOT.glob("docs/**/*.md"))
)
BLOCK = re.compile(r"^( *)```(\S*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<!`)`([^`\n]+(?:\n[^`\n]+)?)`(?!`)")

KINDS = ("", "shell", "python", "text")

SERVERS = {"serve": "tests/docs/test_how_to_serve.py", "app": "tests/cli/test_app.py"}
"""Commands that answer until they are stopped, and what starts them."""

ELSEWHERE = {"--engine ray": "many-images.md", "--log ": "track.md", "rerun ": "track.md"}
"""Commands that need a cluster or a tracker's packages, and the page whose own test runs them."""

OTHER = {"adapt": "ot", "lora": "peft", "explore": "umap", "text": "sentence_transformers", "sound": "soundfile"}
"""Extras that pages' commands need, by a package that tells whether they are here."""

PLACEHOLDERS = (
    ('MODEL "', 'reviews.regraft "'),
    ("recipes run NAME", "recipes run flowers-resnet50"),
    ("--data DIR", "--data flowers"),
    ("generalize DATA", "generalize cameras"),
    ("SOURCE TARGET", "cameras/day cameras/night"),
    ("search DATA QUERY.jpg", "search flowers photos/p1.jpg"),
    ("MODEL UNLABELLED", "MODEL pile"),
    ("NEWCLASS", "violet"),
    ("IMAGE...", "photos/p1.jpg"),
    ("TABLE", "photos.csv"),
    ("MODEL", "flowers.regraft"),
    ("DATA", "flowers"),
)
"""What stands for the reader's own, and what stands for that here."""

NETWORK = ["--backbone", "test_efficientnet", "--weights", "none"]

SMALL = {
    "recipes": ["--backbone", "test_resnet", "--weights", "none", "--epochs", "1", "--limit", "12"],
    "compare": ["--epochs", "1", "--strategies", "scratch,probe", "--test-size", "0.5"],
    "fewshot": ["--episodes", "3"],
    "rank": ["--backbones", "tf_efficientnet_lite0,tf_efficientnet_lite0:random"],
    "zeroshot": ["--backbone", "tf_efficientnet_lite0"],
    "advise": NETWORK,
    "generalize": NETWORK,
    "adapt": [*NETWORK, "--method", "center,coral"],
    "training": [*NETWORK, "--epochs", "1", "--views", "1", "--test-size", "0.5"],
    "encoder": ["--epochs", "1"],
}
"""Options that make a command small, where its line does not say otherwise."""

SMALLER = (
    ("--epochs 12 --views 8", "--epochs 2 --views 2"),
    ("blocks.5", "blocks.3"),
    ("--schedule gradual", "--schedule gradual --epochs 2"),
    ("--shots 1,5,20", "--shots 1,5"),
    ("convnext_tiny", "test_vit --weights none --unfreeze all"),
    ('strategy="finetune"', 'strategy="finetune", backbone="test_efficientnet", weights="none"'),
    ("Training(epochs=12)", "Training(epochs=1, views=1), test_size=0.5"),
)
"""What a line says, and what is enough to see that it does what it says."""


@dataclass(frozen=True)
class Block:
    """A fenced block: where it is, its kind, and what is in it."""

    page: str
    kind: str
    content: str


def blocks(page: str) -> list[Block]:
    found = BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))
    return [Block(page, kind, re.sub(rf"^{indent}", "", content, flags=re.M)) for indent, kind, content in found]


def prose(page: str) -> str:
    return BLOCK.sub("", (ROOT / page).read_text(encoding="utf-8"))


def lines(block: Block) -> Iterator[str]:
    """Yield the commands of a block, without what is said of them behind a #."""
    for line in re.sub(r"\\\n\s*", " ", block.content).splitlines():
        command = re.sub(r"(^|\s)#\s.*$", "", line).strip()
        if command and not command.startswith("#"):
            yield command


def runner(page: str) -> str:
    """Return the source of the test that runs a page of its own, or nothing."""
    folder, name = page.rsplit("/", 1) if "/" in page else ("", page)
    if folder == "docs/tutorials":
        source = (HERE / "test_tutorials.py").read_text(encoding="utf-8")
        return source if f'"{name}"' in source else ""
    stem = re.sub(r"\W", "_", name.removesuffix(".md")).lower()
    found = [path for path in HERE.glob("test_*.py") if path.stem in (f"test_how_to_{stem}", f"test_{stem}")]
    return "".join(path.read_text(encoding="utf-8") for path in found if name in path.read_text(encoding="utf-8"))


def has_runner(block: Block) -> bool:
    """Tell whether the page's own test runs blocks of this kind."""
    source = runner(block.page)
    return bool(block.kind) and re.search(rf"[\"'(|]{block.kind}[\"')|]", source) is not None


OWN = [page for page in PAGES if not runner(page) and page != "README.zh-CN.md"]
"""Pages whose commands are run here; the Chinese README's are those of the other one."""


# --- what each program must know of a line ---


@functools.cache
def command_of(*names: str) -> click.Command:
    """Return a command of Regraft by its names, such as recipes, run."""
    from regraft.cli import regraft

    found: click.Command = regraft
    for name in names:
        assert isinstance(found, click.Group)
        below = found.get_command(click.Context(found), name)
        assert below is not None, f"there is no command {' '.join(names)}"
        found = below
    return found


def options_of(command: click.Command) -> set[str]:
    own = {name for each in command.params for name in (*each.opts, *each.secondary_opts) if name.startswith("-")}
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            below = command.get_command(click.Context(command), name)
            assert below is not None
            own |= options_of(below)
    return own | {"--help", "-h", "--version"}


def check_regraft(line: str) -> None:
    """Check that a command of Regraft exists and has the options that a line gives it."""
    words = [word for word in shlex.split(line)[1:] if word != "..."]
    if not words or not re.fullmatch(r"[a-z]+", words[0]):
        return
    command = command_of(words[0])
    for word in words[1:]:
        for option in re.findall(r"^(--?[a-z][a-z-]*)", word):
            assert option in options_of(command), f"{line}: regraft {words[0]} has no {option}"


def check_started(line: str) -> None:
    """Check the command of Regraft that another program starts on several processors or machines."""
    assert " regraft " in line, f"{line}: it starts nothing of this project"
    check_regraft("regraft " + line.split(" regraft ", 1)[1])


def check_pip(line: str) -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        extras = tomllib.load(file)["project"]["optional-dependencies"]
    words = [word for word in shlex.split(line)[2:] if not word.startswith("-")]
    for word in words:
        found = re.fullmatch(r"(regraft|\.)(?:\[([a-z,]+)\])?|[a-z][a-z0-9-]*", word)
        assert found, f"{line}: {word} is no package"
        assert set((found[2] or "").split(",")) - {""} <= set(extras), f"{line}: Regraft has no such extra"


def check_make(line: str) -> None:
    targets = re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for word in shlex.split(line)[1:]:
        assert "=" in word or word in targets, f"{line}: the Makefile has no {word}"


class _Parsed(Exception):
    """A benchmark has taken its arguments."""


def check_benchmark(line: str) -> None:
    """Check that a benchmark exists and takes the arguments of a line, by its own parser."""
    program, *arguments = [word for word in shlex.split(line) if not word.endswith("bin/python")]
    parse = argparse.ArgumentParser.parse_args

    def stop(self: argparse.ArgumentParser, *given: Any) -> argparse.Namespace:
        parse(self, *given)
        raise _Parsed

    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stderr(io.StringIO()) as said:
        patch.setattr(argparse.ArgumentParser, "parse_args", stop)
        patch.setattr(sys, "argv", [program, *arguments])
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        try:
            runpy.run_path(str(ROOT / program), run_name="__main__")
        except _Parsed:
            return
        except SystemExit:
            pytest.fail(f"{line}: {said.getvalue()}")
        pytest.fail(f"{line}: {program} parses no arguments")


CHECKS: dict[str, Callable[[str], None]] = {
    "regraft": check_regraft,
    "pip": check_pip,
    "make": check_make,
    "torchrun": check_started,
    "srun": check_started,
    ".venv/bin/python": check_benchmark,
}


def check(line: str) -> None:
    program = re.sub(r"^([A-Z]\w*=\S+ )+", "", line).split()[0]
    known = CHECKS.get(program.removeprefix(".venv/bin/") if program != ".venv/bin/python" else program)
    if program.startswith("benchmarks/"):
        known = check_benchmark
    assert known is not None, f"nothing here runs or checks {line!r}"
    known(line)


# --- the tests ---


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_run_or_checked(page: str) -> None:
    for block in blocks(page):
        if has_runner(block):
            continue
        if block.kind in ("", "shell", "bash") and not re.match(r"(location|server|\[)", block.content):
            for line in lines(block):
                check(line)
        elif block.kind == "json":
            json.loads(block.content)
        elif block.kind == "":
            assert block.content.count("{") == block.content.count("}")
            assert all(re.match(r"\s*$|\[\w+\]$|\w+=|\s*[\w}]", line) for line in block.content.splitlines())
        else:
            ran = block.kind in KINDS and page in (*OWN, "README.zh-CN.md")
            assert ran, f"nothing runs this block of {page}:\n{block.content}"


@pytest.mark.parametrize("page", PAGES)
def test_every_command_in_the_text_is_one(page: str) -> None:
    for found in INLINE.findall(prose(page)):
        said = " ".join(found.split())
        if re.match(r"regraft [a-z]+\b(?!\.)", said) and not re.search(r"[{(]", said):
            check_regraft(said)
        elif re.match(r"benchmarks/\w+\.py\b", said):
            check_benchmark(said)
        elif re.match(r"make [a-z]|pip install ", said):
            check(said)


@pytest.mark.parametrize("page", PAGES)
def test_every_option_in_the_text_is_one(page: str) -> None:
    known = options_of(command_of())
    for file in (*ROOT.glob("benchmarks/*.py"), ROOT / "tests" / "conftest.py"):
        known |= set(re.findall(r"\"(--[a-z][a-z-]*)\"", file.read_text(encoding="utf-8")))
    for found in INLINE.findall(prose(page)):
        if found.startswith("--") and "mkdocs" not in found:
            for option in re.findall(r"(?<![\w-])--[a-z][a-z-]*", found):
                assert option in known, f"{page}: no command has {option}"


def test_every_benchmark_is_listed() -> None:
    listed = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    programs = [path.name for path in sorted((ROOT / "benchmarks").glob("[a-z]*.py"))]
    assert programs
    assert [name for name in programs if f"benchmarks/{name} " not in listed or f"`{name}`" not in listed] == []


def small(line: str) -> list[str]:
    """Return a command's words with options that make it small, where they say nothing else."""
    for said, meant in (*PLACEHOLDERS, *SMALLER):
        line = line.replace(said, meant)
    words = shlex.split(line)[1:]
    kind = words[0]
    if kind == "fit":
        trains = "finetune" in words or "auto" in words
        kind = ("encoder" if "reviews.csv" in words else "training") if trains else ""
    known = options_of(command_of(*words[: 2 if kind == "recipes" else 1]))
    more = iter(SMALL.get(kind, ()))
    for option, value in zip(more, more, strict=True):
        if option in known and option not in words:
            words += [option, value]
    return words


def lacks(line: str) -> bool:
    """Tell whether a line needs what is not installed here, or a cluster, and so is run where that is."""
    needs = {"zeroshot": "text", "words": "sound", "reviews.csv": "text", "--lora": "lora"}
    extras = [extra for word, extra in needs.items() if word in line and "glove" not in line]
    return any(find_spec(OTHER[extra]) is None for extra in extras)


def run_here(line: str) -> bool:
    """Tell whether a line is a command that can be run in this process."""
    elsewhere = any(word in line for word in ELSEWHERE)
    return line.startswith("regraft ") and line.split()[1] not in SERVERS and not elsewhere and not lacks(line)


@pytest.mark.parametrize("page", [page for page in OWN if any(block.kind in KINDS for block in blocks(page))])
def test_every_command_does_what_it_should(
    page: str, cli: Callable[..., Any], playground: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from regraft.backbones.registry import DEFAULTS

    monkeypatch.setitem(DEFAULTS, "image", "tf_efficientnet_lite0")
    for block in blocks(page):
        if block.kind == "python":
            code = functools.reduce(lambda code, pair: code.replace(*pair), SMALLER, block.content)
            exec(compile(code, page, "exec"), {})
        if block.kind == "text":  # a file that the commands name
            assert block.content in [path.read_text(encoding="utf-8") for path in playground.glob("*.txt")]
        for line in lines(block) if block.kind in ("", "shell") else ():
            if run_here(line):
                ran = cli(*small(line))
                assert ran.code == 0, f"{line}\n{ran.err}"
                assert ran.out.strip()
