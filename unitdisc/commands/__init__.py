"""The `unitdisc` command: one thin function per verb; the work is elsewhere, and imported only when it is done.

COMMANDS says which file declares a command; options.py has the arguments and options that several share.
"""

import sys
from collections.abc import Callable
from functools import cache, wraps
from typing import Annotated

import typer

from unitdisc import __version__
from unitdisc.commands import (
    abx,
    align,
    card,
    convert,
    discover,
    doctor,
    encode,
    explore,
    export,
    features,
    find,
    generate,
    inspect,
    kmeans,
    likelihood,
    lm_sample,
    lm_score,
    lm_train,
    morph,
    name,
    normalise,
    outliers,
    phone_loop,
    prepare,
    probe,
    read,
    report,
    restore,
    resynthesise,
    robustness,
    sample,
    score,
    segment,
    shards,
    show,
    templates,
    terms,
    train,
    validate,
    words,
)
from unitdisc.commands.options import naming
from unitdisc.files.text import escape_output

__all__ = ["app", "main"]

COMMANDS = (  # where each is declared, in the order of `unitdisc --help`
    doctor.doctor,
    prepare.prepare,
    validate.validate,
    shards.shards,
    train.train,
    encode.encode,
    features.features,
    resynthesise.resynthesise,
    restore.restore,
    convert.convert,
    likelihood.likelihood,
    outliers.outliers,
    morph.morph,
    inspect.inspect,
    card.card,
    normalise.normalise,
    kmeans.kmeans,
    phone_loop.phone_loop,
    templates.templates,
    segment.segment,
    discover.discover,
    align.align,
    words.words,
    terms.terms,
    name.name,
    read.read,
    export.export,
    lm_train.lm_train,
    lm_score.lm_score,
    lm_sample.lm_sample,
    sample.sample,
    generate.generate,
    abx.abx,
    probe.probe,
    robustness.robustness,
    score.score,
    find.find,
    show.show,
    explore.explore,
    report.report,
)

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


def say_version(wanted: bool) -> None:
    """Prints versions, and ends."""
    if wanted:
        import platform
        from importlib.metadata import version

        typer.echo(f"unitdisc {__version__} (Python {platform.python_version()}, torch {version('torch')})")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=say_version, is_eager=True, help="say which version this is, and end")
    ] = False,
) -> None:
    """Discovers the units of a language nobody transcribed, from recordings or handwriting alone."""


def typed_name(command: Callable[..., None]) -> str:
    """What a person types."""
    return command.__name__.replace("_", "-")


def as_typed(command: Callable[..., None]) -> Callable[..., None]:
    """The same command, whose messages call fields of the library by its options."""

    @wraps(command)
    def run(**given: object) -> None:
        from unitdisc import console

        console.wording = lambda message: wording_of(typed_name(command))(message)
        command(**given)

    return run


@cache  # and not for every message, which would take longer than most to make
def wording_of(name: str) -> Callable[[str], str]:
    """What a message of a command becomes."""
    return naming(parameters_of(name))


def parameters_of(name: str) -> list[typer.CallbackParam]:
    return typer.main.get_command(app).commands[name].params


for command in COMMANDS:
    app.command()(as_typed(command))


def main() -> None:
    """Runs a command; what can go wrong in the field ends in one sentence, not in a traceback."""
    escape_output()
    try:
        app()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except (ValueError, OSError, FloatingPointError) as error:
        from unitdisc.console import fail

        fail(str(error))
    except (RuntimeError, MemoryError) as error:
        from unitdisc.console import fail
        from unitdisc.training.devices import cure_of  # which imports torch

        if (sentence := cure_of(error)) is None:
            raise
        fail(sentence)
    finally:
        if (console := sys.modules.get("unitdisc.console")) is not None:
            console.wording = console.as_it_is
