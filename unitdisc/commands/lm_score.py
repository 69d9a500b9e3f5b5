"""unitdisc lm-score."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.options import (
    AllowPipes,
    Device,
    FrameRate,
    LmPath,
    Output,
    SymbolsPath,
    SymbolsTier,
    file_to_write,
)


def lm_score(
    model: LmPath,
    units: SymbolsPath,
    pairs: Annotated[
        Path | None,
        typer.Option(
            help=".tsv with the columns word and nonword, utterances: how often the word is the likelier; and spelt, "
            "the word, if several voices say it"
        ),
    ] = None,
    utterances: Annotated[
        Path | None, typer.Option(callback=file_to_write, help="JSON lines to write, with the bits of every utterance")
    ] = None,
    symbols: Annotated[str | None, typer.Option(help="of an ARPA file, which does not say (default: words)")] = None,
    tier: SymbolsTier = None,
    seed: Annotated[int, typer.Option(help="of the shuffled symbols")] = 0,
    frame_rate: FrameRate = None,
    allow_pipes: AllowPipes = False,
    device: Device = None,
    output: Output = None,
) -> None:
    """Say how well a language model expects units: bits and perplexity, also of them shuffled, and reversed in time.

    Example: `unitdisc lm-score exp/lm exp/vq/encodings/test/bottleneck`
    """
    from unitdisc import lm_score

    scores = lm_score(
        model,
        units,
        pairs=pairs,
        symbols=symbols,
        tier=tier,
        frame_rate=frame_rate,
        allow_pipes=allow_pipes,
        device=device,
        seed=seed,
    )
    typer.echo("\n".join(lines(scores.figures)))
    if output is not None:
        scores.write(output)
    if utterances is not None:
        scores.write_utterances(utterances)


def lines(figures: dict) -> Iterator[str]:
    """The figures as a table."""
    whole = figures["as_they_are"]
    yield f"{whole['symbols']} symbols of {whole['utterances']} utterances"
    seconds = "bits_per_second" in whole
    yield f"{'':12} {'bits/symbol':>11} {'perplexity':>10}" + (f" {'bits/second':>11}" if seconds else "")
    for name, title in (("as_they_are", "as they are"), ("shuffled", "shuffled"), ("reversed", "reversed")):
        row = figures[name]
        end = f" {row['bits_per_second']:11.2f}" if seconds else ""
        yield f"{title:12} {row['bits_per_symbol']:11.4f} {row['perplexity']:10.2f}{end}"
    if "spot_the_word" in figures:
        spotted = figures["spot_the_word"]
        bounds = spotted["interval"]
        between = f", 95 %: {100 * bounds[0]:.1f} to {100 * bounds[1]:.1f}" if bounds else ""
        yield (
            f"the word is likelier in {100 * spotted['accuracy']:.1f} % of {spotted['pairs']} pairs{between} "
            f"(per symbol {100 * spotted['accuracy_per_symbol']:.1f} %; by chance 50 %)"
        )
        for kind, accuracy in spotted.get("kinds", {}).items():
            yield f"  {kind}: {100 * accuracy:.1f} %"
