"""unitdisc score."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from unitdisc.commands.options import (
    AllowPipes,
    CorpusPath,
    EncodingsPath,
    FrameRate,
    Output,
    Tier,
)

BITS = {
    "bitrate": "every frame",
    "bitrate_collapsed": "runs",
    "bitrate_run_length": "runs and lengths",
    "bitrate_uniform": "every frame, codes as equals",
}


def score(
    encodings: EncodingsPath,
    corpus: CorpusPath,
    tier: Tier = None,
    tolerance: Annotated[
        float | None,
        typer.Option(help="of boundaries, in ms, or in pixel columns without a rate (default: 20 ms, 1 column)"),
    ] = None,
    shift: Annotated[
        float, typer.Option(help="boundaries later by so many ms (columns), as chosen on other utterances")
    ] = 0.0,
    spelling: Annotated[str, typer.Option(help="tier of the phones that words are spelled with")] = "phone",
    learn_encodings: Annotated[
        Path | None, typer.Option(help="encodings of other utterances, where codes get their names from labels")
    ] = None,
    learn_corpus: Annotated[Path | None, typer.Option(help="corpus of --learn-encodings")] = None,
    frame_rate: FrameRate = None,
    output: Output = None,
    allow_pipes: AllowPipes = False,
) -> None:
    """Units against labels, boundaries and words: many-to-one, AMI, PNMI, F1, R-value, NED, perplexity, bitrate.

    Example: `unitdisc score exp/vq/encodings/test/bottleneck data/test.jsonl --tolerance 20`
    """
    from unitdisc import score

    if (learn_encodings is None) != (learn_corpus is None):
        raise ValueError("--learn-encodings and --learn-corpus belong together; give both or none")
    scores = score(
        encodings,
        corpus,
        tier=tier,
        tolerance=tolerance,
        shift=shift,
        spelling=spelling,
        learn=learn_encodings and (learn_encodings, learn_corpus),
        frame_rate=frame_rate,
        allow_pipes=allow_pipes,
    )
    for lines in tables(scores.figures["units"], scores.settings):
        typer.echo("\n".join(lines) + "\n")
    if output is not None:
        scores.write(output)


def tables(found: Mapping, settings: Mapping) -> Iterable[Iterable[str]]:
    """All that is printed, one table after the other."""
    tier, spelling = settings["tier"], settings["spelling"]
    unit = "ms" if settings.get("seconds") else "columns"
    tolerance = settings["boundaries"]["tolerance"][unit]
    yield agreement(found, tier)
    yield use(found)
    shift = settings["boundaries"].get("shift")
    shifted = f", shifted by {shift:+g} {unit}" if shift else ""
    yield boundaries(found["boundaries"], f"tier {tier}, tolerance {tolerance:g} {unit}{shifted}")
    yield terms(found["terms"], tier, spelling, shifted)
    if tier == "word":
        yield vocabulary(found["vocabulary"], tier)


def agreement(found: Mapping, tier: str) -> Iterable[str]:
    from unitdisc.evaluation.units.clustering import AGREEMENT

    yield f"Units against labels (tier {tier}, every frame counted once; 95 % over utterances)"
    if "why" in found:
        yield f"  not measured: {found['why']}"
    for name, title in AGREEMENT.items():
        if found.get(name) is not None:
            bounds = found["intervals"].get(name)
            yield f"  {title:46}{found[name]:8.4f}" + (f"  {bounds[0]:.4f} to {bounds[1]:.4f}" if bounds else "")
    if "each_unit_once" in found:
        yield f"  {'AMI, every unit counted once':46}{found['each_unit_once']['ami']:8.4f}"


def use(found: Mapping) -> Iterable[str]:
    yield "Use of codes"
    yield f"  {'codes used':46}{found['usage']['used']:8d}"
    yield f"  {'perplexity':46}{found['usage']['perplexity']:8.2f}"
    for name, title in BITS.items():
        bits = found[name]
        if "bits_per_100_columns" in bits:
            per_label = "" if bits["bits_per_label"] is None else f"  ({bits['bits_per_label']:.2f} per label)"
            yield f"  bits per 100 columns, {title:26}{bits['bits_per_100_columns']:6.2f}{per_label}"
        else:
            found_bits = f"not measured: {bits['why']}" if "why" in bits else f"{bits['bits_per_second']:8.2f}"
            yield f"  bits per second, {title:29}{found_bits}"


def boundaries(found: Mapping, how: str) -> Iterable[str]:
    yield f"Boundaries ({how}; hits summed over utterances)"
    if "why" in found:
        yield f"  not measured: {found['why']}"
        return
    yield f"  {'':18}precision  recall      F1  over-seg. R-value   found reference"
    for name, title in (("strict", "strict, one to one"), ("lenient", "lenient")):
        one = found[name]
        balance = f"{one['over_segmentation']:10.4f} {one['r_value']:7.4f}"
        yield f"  {title:18}{rates(one)} {balance}{one['found']:8d} {one['reference']:9d}"
    token = found["token"]
    yield f"  {'tokens':18}{rates(token)}{'':19}{token['found']:8d} {token['reference']:9d}"


def terms(found: Mapping, tier: str, spelling: str, shifted: str = "") -> Iterable[str]:
    how = f"words of tier {tier}, spelled with tier {spelling}{shifted}"
    yield f"Units as discovered terms ({how}; as zerospeech-tde counts)"
    if "why" in found:
        yield f"  not measured: {found['why']}"
        return
    yield f"  {'NED':18}{'none' if found['ned'] is None else format(found['ned'], '9.4f')} of {found['pairs']} pairs"
    yield f"  {'coverage':18}{found['coverage']:9.4f}"
    yield f"  {'':18}precision  recall      F1"
    yield from (f"  {name:18}{rates(found[name])}" for name in ("boundary", "token", "type", "grouping"))
    if tier == spelling:
        yield "  (a fragment begins and ends with a phone: where phones are the words, no boundary can be wrong)"


def vocabulary(found: Mapping, tier: str) -> Iterable[str]:
    yield f"Types beside the labels of tier {tier} (a unit is of the label that it shares most time with)"
    if "why" in found:
        yield f"  not measured: {found['why']}"
        return
    lot = f"by lot {found['purity_by_lot']:.4f}"
    yield f"  {'purity of types':46}{found['purity']:8.4f}  {lot}"
    if found["purity_repeated"] is not None:
        yield f"  {'of types that occur more than once':46}{found['purity_repeated']:8.4f}"
    yield f"  {'units in the type with most of their label':46}{found['words_together']:8.4f}"
    yield f"  {'':18}  tokens   types    once   Zipf's slope"
    for name, title in (("found", "found"), ("true", "labels")):
        one = found[name]
        slope = "-" if one["zipf_slope"] is None else f"{one['zipf_slope']:.3f}"
        yield f"  {title:18}{one['tokens']:8d}{one['types']:8d}{one['once']:8d}{slope:>15}"


def rates(score: Mapping) -> str:
    return f"{score['precision']:9.4f} {score['recall']:7.4f} {score['f1']:7.4f}"
