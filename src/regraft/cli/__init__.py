"""The command line: parse, call, print; one command a file, loaded when it is asked for."""

from __future__ import annotations

import sys
from importlib import import_module

import click

from regraft import __version__
from regraft.errors import RegraftError, UsageError

COMMANDS = {
    "fit": "Learn from labelled images, and measure how well.",
    "compare": "Tell whether transfer is worth it, by several strategies.",
    "audit": "Find copies, leaks, wrong labels and shortcuts in images.",
    "advise": "Tell what kind of transfer suits labelled images, and why.",
    "rank": "Rank pretrained networks for labelled images without training.",
    "fewshot": "Tell how far a few labelled images a class go.",
    "predict": "Name the class of images with a saved classifier.",
    "export": "Write a classifier for use without Regraft, such as ONNX.",
    "serve": "Answer requests over HTTP with saved classifiers.",
    "app": "Open a web page: drop photos in, train, try, download.",
    "suggest": "Choose the images that are worth labelling next.",
    "learn": "Add a class to a saved classifier from a few images.",
    "forget": "Take a class away from a saved classifier.",
    "adapt": "Learn on one domain to name the examples of another.",
    "generalize": "Tell how well a domain is named that was never seen.",
    "zeroshot": "Tell classes apart that are only named or described.",
    "evaluate": "Measure a saved classifier on labelled images.",
    "cluster": "Divide images into clusters; no labels are needed.",
    "search": "Find the images that are most like another.",
    "embed": "Write the features of images to a file.",
    "table": "Write the image,label table of a folder.",
    "rerun": "Repeat a run from its config, and compare the figures.",
    "recipes": "Run published experiments beside their published figures.",
    "backbones": "Show the pretrained networks and where their weights are.",
    "cache": "Show or clear the features kept on this machine.",
}


class _Commands(click.Group):
    """Loads a command's module when it is called, so that `regraft --help` answers at once."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = import_module(f"regraft.cli.{name}").command
        return command

    def resolve_command(
        self, context: click.Context, arguments: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(context, arguments)
        except click.UsageError as error:
            import difflib

            near = difflib.get_close_matches(arguments[0], COMMANDS, n=1)
            if near:
                raise click.UsageError(f"{error.message} Did you mean {near[0]!r}?", context) from error
            raise

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="regraft")
def regraft() -> None:
    """Put a new head on a pretrained network: labelled images in, a trustworthy classifier out."""


def main() -> None:
    """Run the command line; exit codes are 0, 1 (failed) and 2 (usage)."""
    try:
        sys.exit(regraft(prog_name="regraft", standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _complain("Interrupted; only a training's checkpoints are left behind.")
        sys.exit(1)
    except RegraftError as error:
        _complain(str(error))
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        _complain(f"The system refused: {error.strerror or error} ({error.filename or 'no file'}).")
        sys.exit(1)
    except MemoryError:
        _complain("The machine must have more free memory than is left; use fewer images or a smaller --image-size.")
        sys.exit(1)


def _complain(message: str) -> None:
    # A name that is no UTF-8 must be printable too.
    click.echo(f"Error: {message}".encode("utf-8", "backslashreplace").decode(), err=True)
