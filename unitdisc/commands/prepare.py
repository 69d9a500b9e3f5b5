"""unitdisc prepare."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.options import AllowPipes, Strict

SOURCE = "folder of recordings, line images or pages; Kaldi, lhotse, WebDataset or Hugging Face; or one file"


def prepare(
    source: Annotated[Path, typer.Argument(help=SOURCE)],
    folder: Annotated[Path, typer.Argument(metavar="OUT", help="folder to create: all.jsonl, or train and test")],
    speaker_from: Annotated[
        str, typer.Option("--speaker-from", metavar="RULE", help="folder, none, or name:REGEX with a group (...)")
    ] = "folder",
    table: Annotated[
        Path | None, typer.Option(help="of recordings, .tsv or .csv: file, speaker, text, gender, split, start, end")
    ] = None,
    longest: Annotated[float, typer.Option(help="seconds; longer recordings are cut at pauses")] = 20.0,
    pause: Annotated[float, typer.Option(help="seconds without a voice that part two utterances of them")] = 0.5,
    vad: Annotated[
        str, typer.Option(help="what finds voices: energy, or silero (pip install 'unitdisc[vad]')")
    ] = "energy",
    channels: Annotated[
        str, typer.Option(help="auto (each where they differ), average, each, or a number from 0")
    ] = "auto",
    resample: Annotated[
        int | None, typer.Option(metavar="RATE", help="write copies of recordings of other rates, at so many samples/s")
    ] = None,
    test_speakers: Annotated[
        str | None,
        typer.Option(
            "--test-speakers", metavar="WHICH", help="to hold out: a number, a share (0.2) or names (ann,bob)"
        ),
    ] = None,
    test_share: Annotated[
        float | None, typer.Option("--test-share", metavar="SHARE", help="to hold out by chance: 0.1; whole recordings")
    ] = None,
    seed: Annotated[int, typer.Option(help="draws what is held out")] = 0,
    allow_pipes: AllowPipes = False,
    strict: Strict = False,
) -> None:
    """Make a corpus of what you have: recordings, line images, pages, or a corpus of other tools.

    It finds out what SOURCE is, and says so. Labels beside recordings (TextGrid, ELAN, CTM, Audacity, .lab, .txt)
    become tiers and texts. Recordings and images stay where they are. What cannot be used is said and left out; an
    interrupted run is completed. It ends with what `validate` says, and with the next command.

    Example: `unitdisc prepare recordings data/mine --test-speakers 0.2`
    """
    from unitdisc import CorpusAccess, CutOptions, PrepareOptions, console, prepare

    options = PrepareOptions(
        speaker_from,
        table,
        cut=CutOptions(longest, pause, channels, vad=vad),
        resample=resample,
        test_speakers=test_speakers,
        test_share=test_share,
        seed=seed,
    )
    result = prepare(source, folder, options, access=CorpusAccess(allow_pipes=allow_pipes, strict=strict))
    errors = sum(problem.severity == "error" for problem in result.problems)
    for problem in result.problems[:20]:
        console.say(f"{problem.severity}: {problem}")
    if len(result.problems) > 20:
        manifests = " ".join(map(str, result.manifests.values()))
        console.say(f"{len(result.problems) - 20} more problems; `unitdisc validate {manifests}` lists them all")
    said = ", ".join(map(str, result.manifests.values()))
    typer.echo(f"{said}: {errors} errors, {len(result.problems) - errors} warnings; {len(result.left_out)} left out")
    typer.echo(f"Next: {result.next_command}")
