"""unitdisc lm-train."""

from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.choices import one_of
from unitdisc.commands.options import AllowPipes, Device, FrameRate, SymbolsPath, SymbolsTier


def lm_train(
    model: Annotated[str, typer.Argument(help=one_of("language models"))],
    units: SymbolsPath,
    folder: Annotated[Path, typer.Argument(help="folder to create, or to go on with", metavar="LM")],
    symbols: Annotated[
        str | None,
        typer.Option(
            help="codes (of every frame), units (runs of one code), durations (units with their frames), bpe (what "
            "often stands together as one) or words (default: words where there are any, else units)"
        ),
    ] = None,
    bpe_size: Annotated[int, typer.Option(help="symbols of bpe")] = 500,
    longest: Annotated[int, typer.Option(help="frames of a unit with its duration, at most")] = 10,
    set: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="an option, such as order=3 or steps=500")
    ] = None,
    tier: SymbolsTier = None,
    frame_rate: FrameRate = None,
    allow_pipes: AllowPipes = False,
    device: Device = None,
) -> None:
    """Make a language model of units: Kneser-Ney n-grams, an LSTM or a Transformer; a network goes on training.

    Example: `unitdisc lm-train ngram exp/vq/encodings/train/bottleneck exp/lm --set order=3`
    """
    from unitdisc import SymbolOptions, lm_train

    options = SymbolOptions(symbols, longest=longest, bpe_size=bpe_size)
    card = lm_train(
        model,
        units,
        folder,
        overrides=set or [],
        symbols=options,
        tier=tier,
        frame_rate=frame_rate,
        allow_pipes=allow_pipes,
        device=device,
    )
    if not card:  # one of several processes, and not the first
        return
    made_of = card["made_of"]
    typer.echo(
        f"{folder}: {model} of {card['symbols']}, {len(card['vocabulary']) - 3} different ones, of "
        f"{made_of['symbols']} in {made_of['utterances']} utterances"
    )
    for order in card["found"].get("orders", []):
        discounts = " ".join(f"{discount:.3f}" for discount in order["discounts"])
        typer.echo(f"order {order['order']}: {order['ngrams']} n-grams, discounts {discounts}")
