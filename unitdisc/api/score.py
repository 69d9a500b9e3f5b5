"""unitdisc score: units against labels, boundaries and words."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import typer

from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.inputs import check_tier, keep, open_both
from unitdisc.evaluation.units.scores import BITRATES, boundary_settings, score_units
from unitdisc.files.folders import file_for_results

AGREEMENT = {  # what is printed of units against labels, and what it is called
    "many_to_one_learnt": "many-to-one, codes named on other utterances",
    "many_to_one": "many-to-one, codes named by other speakers",
    "many_to_one_same_data": "many-to-one, same data (purity)",
    "one_to_one_same_data": "one-to-one, same data (Hungarian)",
    "cluster_purity": "cluster purity (labels by their best code)",
    "majority": "always the most frequent label",
    "ami": "AMI",
    "ari": "ARI",
    "v_measure": "V-measure (NMI)",
    "homogeneity": "homogeneity (PNMI)",
    "completeness": "completeness",
}
BITS = {
    "bitrate": "every frame",
    "bitrate_collapsed": "runs",
    "bitrate_run_length": "runs and lengths",
    "bitrate_uniform": "every frame, codes as equals",
}


def score(
    encodings: Path,
    corpus: Path,
    tier: str,
    tolerance: float | None,
    spelling: str,
    learn: tuple[Path | None, Path | None],
    frame_rate: float | None,
    output: Path | None,
    allow_pipes: bool,
) -> None:
    """Scores units and prints tables; `learn`: encodings and corpus where codes get their names."""
    if tolerance is not None and not 0 <= tolerance < float("inf"):
        raise ValueError(f"--tolerance must be 0 or more ms (or pixel columns), not {tolerance:g}")
    if (learn[0] is None) != (learn[1] is None):
        raise ValueError("--learn-encodings and --learn-corpus belong together; give both or none")
    file_for_results(output, "--output")
    opened, utterances = open_both(encodings, corpus, frame_rate, allow_pipes)
    check_tier(corpus, utterances, tier)
    elsewhere = open_both(*learn, frame_rate, allow_pipes) if learn[0] else None
    found = score_units(opened, utterances, tier, tolerance=tolerance, spelling=spelling, learn=elsewhere)
    if "why" in found["usage"]:  # nothing at all could be measured
        raise UnscorableError(found["usage"]["why"])
    how = boundary_settings(tolerance)
    unit = "ms" if any(utterance.rate for utterance in utterances) else "columns"
    for lines in (
        agreement(found, tier),
        use(found),
        boundaries(found["boundaries"], f"tier {tier}, tolerance {how['tolerance'][unit]:g} {unit}"),
        terms(found["terms"], tier, spelling),
    ):
        typer.echo("\n".join(lines) + "\n")
    more = {"boundaries": how, "spelling": spelling, "learn": [str(path) for path in learn if path]}
    keep(output, {"units": found}, encodings, utterances, tier, more)


def agreement(found: Mapping, tier: str) -> Iterable[str]:
    yield f"Units against labels (tier {tier}, frame by frame)"
    if "why" in found:
        yield f"  not measured: {found['why']}"
    for name, title in AGREEMENT.items():
        if found.get(name) is not None:
            yield f"  {title:46}{found[name]:8.4f}"


def use(found: Mapping) -> Iterable[str]:
    yield "Use of codes"
    yield f"  {'codes used':46}{found['usage']['used']:8d}"
    yield f"  {'perplexity':46}{found['usage']['perplexity']:8.2f}"
    for name in BITRATES:
        bits = found[name]
        if "bits_per_100_columns" in bits:
            per_label = "" if bits["bits_per_label"] is None else f"  ({bits['bits_per_label']:.2f} per label)"
            yield f"  bits per 100 columns, {BITS[name]:26}{bits['bits_per_100_columns']:6.2f}{per_label}"
        else:
            found_bits = f"not measured: {bits['why']}" if "why" in bits else f"{bits['bits_per_second']:8.2f}"
            yield f"  bits per second, {BITS[name]:29}{found_bits}"


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


def terms(found: Mapping, tier: str, spelling: str) -> Iterable[str]:
    yield f"Units as discovered terms (words of tier {tier}, spelled with tier {spelling}; as zerospeech-tde counts)"
    if "why" in found:
        yield f"  not measured: {found['why']}"
        return
    yield f"  {'NED':18}{'none' if found['ned'] is None else format(found['ned'], '9.4f')} of {found['pairs']} pairs"
    yield f"  {'coverage':18}{found['coverage']:9.4f}"
    yield f"  {'':18}precision  recall      F1"
    yield from (f"  {name:18}{rates(found[name])}" for name in ("boundary", "token", "type", "grouping"))
    if tier == spelling:
        yield "  (a fragment begins and ends with a phone: where phones are the words, no boundary can be wrong)"


def rates(score: Mapping) -> str:
    return f"{score['precision']:9.4f} {score['recall']:7.4f} {score['f1']:7.4f}"
