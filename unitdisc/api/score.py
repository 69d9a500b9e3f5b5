"""unitdisc score: units against labels, boundaries and words."""

from pathlib import Path

from unitdisc.api.paths import takes_paths
from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.inputs import check_tier, open_both, usual_labels
from unitdisc.evaluation.overlap import refuse_common
from unitdisc.evaluation.settings import Measured, corpus_settings
from unitdisc.evaluation.units.unit_scores import boundary_settings, score_units


@takes_paths
def score(
    encodings: Path,
    corpus: Path,
    *,
    tier: str | None = None,
    tolerance: float | None = None,
    shift: float = 0.0,
    spelling: str = "phone",
    learn: tuple[Path, Path] | None = None,
    frame_rate: float | None = None,
    allow_pipes: bool = False,
) -> Measured:
    """Scores units against labels, boundaries and words.

    encodings: a folder of encodings with codes, or the units of another system, whose frame_rate (a second) nothing
    else says. corpus: a manifest or a Kaldi data directory with alignments.
    tier: of the labels (default: phone; of line images, character). spelling: tier of the phones that words are
    spelled with. tolerance: of boundaries, in ms, or in pixel columns of images (default: 20 ms, 1 column).
    shift: all boundaries later by so many ms (columns), before they and words are scored: a constant lag of a system,
    to be chosen on other utterances than these.
    learn: encodings and corpus of other utterances, where codes get their names from labels; a code that is never
    seen there is wrong.

    Returns figures["units"]: "many_to_one_learnt", "many_to_one", "ami", "v_measure" and others, shares from 0 to 1 of
    frames at the system's own rate, and their 95 % "intervals" over utterances; "bitrate" with "bits_per_second" (of
    images "bits_per_100_columns"); "usage", "boundaries", "terms" and "vocabulary" with theirs. What cannot be
    measured is a dictionary with "why".
    Raises EncodingsError and CorpusError for what cannot be read, and for an utterance in both corpora, UnscorableError
    if there are no codes or no such tier, and ValueError for a tolerance below 0.

    >>> scores = unitdisc.score("exp/vq/encodings/test/bottleneck", "data/test.jsonl")
    >>> scores.figures["units"]["boundaries"]["strict"]["f1"]
    """
    if not abs(shift) < float("inf"):
        raise ValueError(f"`shift` must be a number of ms (or pixel columns), not {shift:g}")
    if tolerance is not None and not 0 <= tolerance < float("inf"):
        raise ValueError(f"`tolerance` must be 0 or more ms (or pixel columns), not {tolerance:g}")
    tier, _ = usual_labels(corpus, tier)
    opened, utterances = open_both(encodings, corpus, frame_rate, allow_pipes=allow_pipes)
    check_tier(corpus, utterances, tier)
    elsewhere = open_both(*learn, frame_rate, allow_pipes) if learn else None
    refuse_common(elsewhere[1] if elsewhere else [], utterances)
    found = score_units(opened, utterances, tier, tolerance=tolerance, spelling=spelling, learn=elsewhere, shift=shift)
    if "why" in found["usage"]:  # nothing at all could be measured
        raise UnscorableError(found["usage"]["why"])
    how = {"boundaries": boundary_settings(tolerance, shift), "spelling": spelling}
    how["learn"] = [str(path) for path in learn or ()]
    return Measured({"units": found}, encodings, corpus_settings(utterances, tier) | how)
