"""What the site takes from the program itself: options, networks, heads, methods; and pages that stand elsewhere.

A page says where with `<!-- commands -->` and the like; on GitHub nothing is seen there.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]

ELSEWHERE = {
    "src/regraft/FORMAT.md": "reference/format.md",
    "benchmarks/README.md": "reference/benchmarks.md",
    "SECURITY.md": "reference/security.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
}
"""Pages of the site that lie outside its folder, by their place in the project."""

LINK = re.compile(r"(?<=\]\()([^()\s]+?)(#[^()\s]*)?(?=\))")


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that stand elsewhere in the project."""
    for source, page in ELSEWHERE.items():
        if (ROOT / source).is_file():
            files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Fill in what the program knows, and turn links into the project into links within the site."""
    for name, made in TABLES.items():
        if f"<!-- {name} -->" in markdown:
            markdown = markdown.replace(f"<!-- {name} -->", "\n".join(made()))
    uri = page.file.src_uri
    if page.is_homepage:
        page.meta["hide"] = ["navigation", "toc"]
    source = next((path for path, here in ELSEWHERE.items() if here == uri), f"docs/{uri}")

    def relink(found: re.Match[str]) -> str:
        target, anchor = found[1], found[2] or ""
        if re.match(r"[a-z]+:", target):
            return found[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        if path in ELSEWHERE:
            path = f"docs/{ELSEWHERE[path]}"
        return (
            os.path.relpath(path, posixpath.dirname(f"docs/{uri}")) + anchor if path.startswith("docs/") else found[0]
        )

    return LINK.sub(relink, markdown)


def commands() -> Iterator[str]:
    """Yield a section for each command, with all of its options."""
    from regraft.cli import COMMANDS, regraft

    for name in COMMANDS:
        command = regraft.get_command(click.Context(regraft), name)
        yield from section(command, f"regraft {name}", 2)


def section(command: click.Command, called: str, level: int) -> Iterator[str]:
    """Yield a command's usage, help and options, and those of the commands below it."""
    context = click.Context(command, info_name=called)
    usage = " ".join(command.collect_usage_pieces(context))
    yield from (f"{'#' * level} `{called}`", "", "```text", f"{called} {usage}", "```", "")
    for paragraph in (command.help or "").replace("\b", "").split("\n\n"):
        yield from (escape(" ".join(paragraph.split())), "")
    rows = [option_row(each, context) for each in command.params if isinstance(each, click.Option) and not each.hidden]
    if rows:
        yield from ("| option | what it does | default |", "|---|---|---|", *rows, "")
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from section(below, f"{called} {name}", level + 1)


def option_row(option: click.Option, context: click.Context) -> str:
    """Return an option as a row of a table: its names and value, what it does, its default."""
    names = sorted((*option.opts, *option.secondary_opts), key=lambda name: name.startswith("--no-"))
    told = [escape(option.help or "")]
    extra = option.get_help_extra(context)
    value = option.make_metavar(context)
    if option.is_flag or option.count:
        value = ""
    elif isinstance(option.type, click.Choice):
        value = "NAME"
        told.append("One of " + ", ".join(map(code, option.type.choices)) + ".")
    elif "range" in extra:
        value = "NUMBER"
        told.append(code(str(extra["range"])))
    default = code(str(extra["default"])) if "default" in extra else "required" if "required" in extra else ""
    return f"| {', '.join(map(code, names))} {code(value) if value else ''} | {' '.join(told)} | {default} |"


def backbones() -> Iterator[str]:
    """Yield the table of networks for images."""
    from regraft.backbones.registry import DEFAULT_BACKBONE, VOUCHED

    yield from ("| name | pixels | features | parameters, million | ImageNet top-1 | licence | weights |",)
    yield "|---|---|---|---|---|---|---|"
    for each in VOUCHED:
        marked = ", by default" if each.name in DEFAULT_BACKBONE.split("+") else ""
        top1 = "" if each.top1 is None else f"{each.top1:.1f}%"
        facts = (each.preprocessing.size, each.feature_dim, f"{each.parameters:.1f}", top1)
        where = re.sub(r"https?://\S+/", "", each.weights.source)
        yield f"| `{each.name}`{marked} | {' | '.join(map(str, facts))} | {each.weights.licence} | {escape(where)} |"


def heads() -> Iterator[str]:
    """Yield the table of heads."""
    from regraft.heads import HEADS

    yield from ("| name | what it is |", "|---|---|")
    yield from (f"| `{entry.name}` | {escape(entry.summary)} |" for entry in HEADS.values())


def methods() -> Iterator[str]:
    """Yield the table of methods between domains."""
    from regraft.adaptation import METHODS

    yield from ("| name | what it does | tried by `auto` | needs |", "|---|---|---|---|")
    for entry in METHODS.values():
        needs = [
            *(["some labels of the target"] if entry.labels else []),
            *(["several sources"] if entry.sources else []),
            *(["the extra `adapt`"] if entry.package else []),
        ]
        yield f"| `{entry.name}` | {escape(entry.summary)} | {'yes' if entry.auto else 'no'} | {', '.join(needs)} |"
    yield "| `adabn` | Batch normalisation's statistics of each domain's own | no | batch normalisation |"


def recipes() -> Iterator[str]:
    """Yield the table of published experiments."""
    from regraft.recipes.recipe import load, names

    yield from ("| name | what was done |", "|---|---|")
    yield from (f"| `{name}` | {escape(load(name).title)} |" for name in names())


def code(text: str) -> str:
    return f"`{text}`"


def escape(text: str) -> str:
    """Return text that Markdown shows as it is, in a table too."""
    return re.sub(r"([|*_<])", r"\\\1", text)


TABLES: dict[str, Callable[[], Iterator[str]]] = {
    made.__name__: made for made in (commands, backbones, heads, methods, recipes)
}
