"""unitdisc show: units on one page, to look at or listen to."""

from pathlib import Path
from typing import Any

from unitdisc import console
from unitdisc.api.paths import takes_paths
from unitdisc.corpus.read import read_corpus
from unitdisc.encodings import Encodings, EncodingsError, why_no_codes
from unitdisc.encodings.folders import refuse_among
from unitdisc.encodings.tokens import TOKENS
from unitdisc.evaluation.inputs import open_both, usual_labels
from unitdisc.files.folders import file_for_results
from unitdisc.files.text import read_json
from unitdisc.reports.terms_page import PAIRS, write_terms_page
from unitdisc.reports.units_page import write_units_page
from unitdisc.reports.words_page import write_words_page
from unitdisc.segmentation.templates.storage import LEARNED, SUMMARY

WORDS = "word"  # the tier of true words, unless another is named


@takes_paths
def show(
    units: Path,
    corpus: Path,
    page: Path,
    *,
    most: int = 60,
    tier: str | None = None,
    allow_pipes: bool = False,
) -> Path:
    """Writes an HTML page with the units of a folder: examples by several speakers or scribes, and whole utterances.

    Of writing, there is the mean image of every unit, and where its occurrences differ. Labels are shown beside units
    where the corpus has any, but decide nothing.

    Of a folder that `words` has filled, the page is one of words: the most frequent and the most certain types, what
    follows what, how the vocabulary grows, and utterances cut into found and true words.

    Of a folder that `terms` has filled, the page has the groups of stretches that most speakers say, and those that are
    most alike.

    units: a folder of encodings with codes, such as `discover`, `segment` and `words` write, or of terms. page:
    NAME.html to write. most: units that are shown, the most used ones; of words and terms, half of them, and then the
    most certain ones, or the most alike. tier: of the labels (default: phone; of line images, character; of words and
    terms, word).

    Raises EncodingsError and CorpusError for what cannot be used, ValueError for options that cannot be.

    >>> page = unitdisc.show("exp/vq/encodings/test/bottleneck", "data/test.jsonl", "units.html", most=2)
    """
    if most < 1:
        raise ValueError(f"`most` must be 1 or more, not {most}")
    if page.suffix != ".html":
        raise ValueError(f"{page}: must end in .html, for a page is written")
    file_for_results(page, "PAGE")
    refuse_among(page, units)
    if (units / PAIRS).exists():
        utterances = read_corpus(corpus, allow_pipes)
        write_terms_page(page, units, utterances, tier=tier or WORDS, most=most, progress=console.progress)
        return page
    asked, (tier, _) = tier, usual_labels(corpus, tier)
    encodings, utterances = open_both(units, corpus, None, allow_pipes=allow_pipes)
    if not isinstance(encodings, Encodings):
        raise EncodingsError(f"{units}: are the units of another tool; give a folder of encodings that have codes")
    without = [utterance.id for utterance in utterances if encodings.codes[utterance.id] is None]
    if without:
        raise EncodingsError(f"{units}: {without[0]} has no codes, {why_no_codes(encodings.settings)}")
    if TOKENS in encodings.settings:
        tier = asked or WORDS
        write_words_page(page, utterances, encodings, tier=tier, most=most, progress=console.progress)
        return page
    found = known_of(units)
    write_units_page(page, utterances, encodings, tier=tier, most=most, found=found, progress=console.progress)
    return page


def known_of(units: Path) -> dict[str, Any]:
    """What `discover` has written about units that it found, or about those by which it found these."""
    paths = [units.parent / name for name in (SUMMARY, LEARNED)]
    return next((read_json(path) for path in paths if path.exists()), {})
