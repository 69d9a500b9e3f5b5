"""The words of a folder on one page, to judge by ear (or eye): types, beside true words where there are any."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from unitdisc import __version__
from unitdisc.corpus import CorpusError, Utterance
from unitdisc.encodings import Encodings, EncodingsError
from unitdisc.encodings.tokens import read_tokens
from unitdisc.evaluation import UnscorableError, labelled
from unitdisc.evaluation.units.codes import coded
from unitdisc.evaluation.units.vocabulary import frequencies, vocabulary_scores
from unitdisc.files import write_text
from unitdisc.files.text import json_in, read_lines
from unitdisc.reports import summary
from unitdisc.reports.certainty import EACH, LEAST, OTHERS, certainties
from unitdisc.reports.examples import Occurrence, typical_utterances
from unitdisc.reports.graphs import follower_graph
from unitdisc.reports.rendering import sources, template
from unitdisc.reports.unit_cards import Progress
from unitdisc.reports.units_page import name_of
from unitdisc.reports.vocabulary_figures import growth_of, ranks_of
from unitdisc.reports.word_cards import Lexicon, links_in, ranked, timeline, word_cards
from unitdisc.reports.wording import words_of

WHOLE = 4  # utterances that are shown whole
LEXICON = "words/lexicon.jsonl"


def write_words_page(
    path: Path,
    utterances: Sequence[Utterance],
    encodings: Encodings,
    *,
    tier: str,
    most: int,
    progress: Progress,
) -> None:
    """Writes the page; on it, what cannot be read or is absent is said.

    tier: of true words, where there are any. most: types that are shown, half of them the most frequent ones, then the
    most certain ones of all others. progress: as `console.progress`.
    Raises EncodingsError if no words are listed.
    """
    words, utterances = words_of(utterances), sorted(utterances, key=lambda utterance: utterance.id)
    known = any(tier in utterance.alignment for utterance in utterances)
    tokens = read_tokens(encodings) or {}
    lexicon = Lexicon(utterances, tokens, tier if known else None)
    occurrences, problems = lexicon.occurrences, []
    if not occurrences:
        raise EncodingsError(f"{encodings.folder}: lists no words of these utterances; find words in this corpus")
    with progress("comparing occurrences", len(utterances)) as advance:
        certain = certainties(occurrences, problems, advance)
    common, sure = chosen(occurrences, certain, most)
    spelling = spellings(encodings.folder)
    given = {"certain": certain, "spelling": spelling, "problems": problems}
    with progress("drawing", len(common) + len(sure), "types") as advance:
        cards = []
        for codes in (common, sure):
            own = []
            for code in codes:
                own += word_cards(lexicon, [code], occurrences, **given)
                advance(1)
            cards.append(own)
    labels = lexicon.labels()
    names = {str(code): called(code, labels.get(code, Counter()), spelling.get(code, "")) for code in occurrences}
    page = (
        template()
        .environment.get_template("words_page.html.jinja")
        .render(
            name=name_of(encodings.folder),
            version=__version__,
            words=words,
            tier=lexicon.tier,
            types=len(occurrences),
            tokens=sum(map(len, occurrences.values())),
            common=cards[0],
            sure=cards[1],
            names=names,
            certainty={"least": LEAST, "each": EACH, "others": OTHERS, "types": len(certain)},
            whole=list(whole(lexicon, problems)),
            figures=figures_of(lexicon),
            scores=scores_of(encodings, utterances, lexicon.tier),
            graph=follower_graph(links_in(lexicon.sequences()), "found words", names),
            problems=list(dict.fromkeys(problems)),
            corpus=summary.corpus_table("corpus", utterances),
            settings=summary.table("words", made_of(encodings)),
            **sources(),
        )
    )
    write_text(path, page)


def chosen(
    occurrences: Mapping[int, Sequence[Occurrence]], certain: Mapping[int, float], most: int
) -> tuple[list[int], list[int]]:
    """The most frequent types, and the most certain ones of the others, of equals (to a percent) the commonest."""
    by_count = sorted(occurrences, key=lambda code: (-len(occurrences[code]), code))
    common = by_count[: (most + 1) // 2]
    rest = sorted(
        certain.keys() - set(common), key=lambda code: (-round(certain[code], 2), -len(occurrences[code]), code)
    )
    return common, rest[: most - len(common)]


def spellings(folder: Path) -> dict[int, str]:
    """The units of types, as `unitdisc words` has written them. Raises EncodingsError if the file is damaged."""
    path, found = folder / LEXICON, {}
    if not path.exists():
        return {}
    for number, line in read_lines(path, EncodingsError, "find words again"):
        try:
            entry = json_in(line)
            if entry["units"] is not None:
                found[int(entry["type"])] = " ".join(entry["units"])
        except (ValueError, KeyError, TypeError) as error:
            raise EncodingsError(f"{path}:{number}: damaged; find words again") from error
    return found


def called(code: int, words: Counter, units: str) -> str:
    """A type, and the word that most of its tokens are; where none is, its units."""
    word, count = ranked(words)[0] if words else ("", 0)
    if count > sum(words.values()) / 2:
        return f"{code} {word}"
    return f"{code} /{units}/" if units else str(code)


def whole(lexicon: Lexicon, problems: list[str]):
    """A few utterances, cut into words."""
    there = [utterance for utterance in lexicon.utterances if utterance.id in lexicon.tokens]
    for utterance in typical_utterances(there, WHOLE):
        try:
            yield utterance, timeline(lexicon, utterance)
        except CorpusError as error:
            problems.append(str(error))


def figures_of(lexicon: Lexicon) -> list:
    """Growth and ranks, of found and of true words."""
    spoken = {"found": [code for own in lexicon.sequences() for code in own]}
    if lexicon.tier:
        with_labels = [utterance for utterance in lexicon.utterances if lexicon.tier in utterance.alignment]
        spoken["true"] = [one.label for utterance in with_labels for one in labelled(utterance, lexicon.tier)]
    found = {name: frequencies(own) for name, own in spoken.items() if own}
    return [
        growth_of({name: own.growth for name, own in found.items()}),
        ranks_of({n: o.counts for n, o in found.items()}),
    ]


def scores_of(encodings: Encodings, utterances: Sequence[Utterance], tier: str | None) -> dict[str, Any] | None:
    """Found beside true words; None where nothing can be said."""
    if tier is None:
        return None
    try:
        return asdict(vocabulary_scores(coded(encodings, utterances), tier))
    except UnscorableError:
        return None


def made_of(encodings: Encodings) -> dict[str, Any]:
    """How words were found, as far as the folder says it."""
    how = encodings.settings.get("segmentation")
    found = how.get("words") if isinstance(how, Mapping) else None
    return {"folder": str(encodings.folder), **(found if isinstance(found, Mapping) else {})}
