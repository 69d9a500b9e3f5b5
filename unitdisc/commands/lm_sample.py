"""unitdisc lm-sample."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.options import Device, LmPath, SymbolsTier


def lm_sample(
    model: LmPath,
    file: Annotated[
        Path,
        typer.Argument(help="NAME.jsonl to write, which other commands read, or NAME.txt", metavar="OUT"),
    ],
    sequences: Annotated[int, typer.Option(help="how many")] = 10,
    temperature: Annotated[float, typer.Option(help="below 1 what is probable becomes more so; 0: no chance")] = 1.0,
    top_p: Annotated[float, typer.Option(help="only the most probable symbols, with so much probability")] = 1.0,
    top_k: Annotated[int | None, typer.Option(help="only so many of the most probable symbols")] = None,
    prompt: Annotated[str, typer.Option(help="symbols that all sequences go on from")] = "",
    prompts: Annotated[
        Path | None, typer.Option(help="UNITS whose beginnings are gone on from, as of lm-train", metavar="UNITS")
    ] = None,
    prompt_symbols: Annotated[int, typer.Option(help="of the beginning of each of --prompts")] = 10,
    longest: Annotated[int, typer.Option(help="symbols, at most")] = 1000,
    seed: int = 0,
    tier: SymbolsTier = None,
    symbols: Annotated[str | None, typer.Option(help="of an ARPA file, which does not say (default: words)")] = None,
    device: Device = None,
) -> None:
    """Have a language model make up units or words, from nothing or from a beginning.

    Example: `unitdisc lm-sample exp/lm exp/lm/sampled.jsonl --sequences 20 --top-p 0.9`
    """
    from unitdisc import SampleOptions, lm_sample

    options = SampleOptions(sequences, temperature=temperature, top_p=top_p, top_k=top_k, longest=longest, seed=seed)
    made = lm_sample(
        model,
        file,
        options,
        prompt=prompt,
        prompts=prompts,
        prompt_symbols=prompt_symbols,
        tier=tier,
        symbols=symbols,
        device=device,
    )
    typer.echo(f"{file}: {len(made)} sequences of {sum(map(len, made))} symbols")
