"""unitdisc read: what utterances say, by the names of units, for the tools in which people go on."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from unitdisc import console
from unitdisc.api.naming_inputs import NamingInputs, known_names
from unitdisc.api.paths import takes_paths
from unitdisc.api.read_pages import Reading, pages_of, places_beside
from unitdisc.corpus import CorpusError, corpus_checksum
from unitdisc.evaluation.settings import versions
from unitdisc.exports.alto import write_alto
from unitdisc.exports.audacity import write_audacities
from unitdisc.exports.ctm import write_ctm
from unitdisc.exports.elan import write_elans
from unitdisc.exports.hocr import write_hocr
from unitdisc.exports.page_xml import write_page_xml
from unitdisc.exports.pages import WrittenPage
from unitdisc.exports.readings import write_csv, write_texts
from unitdisc.exports.textgrid import write_textgrids
from unitdisc.exports.units import Units
from unitdisc.files import write_json
from unitdisc.files.folders import filling, folder_for_results
from unitdisc.naming.glyphs import as_units, text_of
from unitdisc.naming.reader import ReaderOptions, fit, read_all, sure
from unitdisc.naming.spread import SILENCE, spread
from unitdisc.naming.table import Answer

READ_FORMATS = ("text", "csv", "ctm", "textgrid", "elan", "audacity", "alto", "page", "hocr")
OF_LINES = ("text", "csv", "ctm", "alto", "page", "hocr")
OF_SPEECH = ("text", "csv", "ctm", "textgrid", "elan", "audacity")
TIER = "reading"
PAGES: dict[str, tuple[str, Callable[[Path, WrittenPage], None]]] = {  # format -> ending, and who writes it
    "alto": (".xml", write_alto),
    "page": (".xml", write_page_xml),
    "hocr": (".html", write_hocr),
}


@dataclass(frozen=True)
class ReadResult:
    """files: what was written, or folders of it. texts: utterance -> what it says. confidence: mean of names.

    left_out: names of less confidence than was asked for.
    """

    files: list[Path]
    texts: dict[str, str]
    confidence: float
    left_out: int = 0


@takes_paths
@filling(lambda given: [given["folder"]])
def read(
    encodings: Path,
    corpus: Path,
    names: Path | None,
    folder: Path,
    *,
    formats: Sequence[str] = (),
    options: ReaderOptions = ReaderOptions(),
    frames: Path | None = None,
    learn: Path | None = None,
    learn_encodings: Path | None = None,
    tier: str | None = None,
    places: Path | None = None,
    frame_rate: float | None = None,
    allow_pipes: bool = False,
) -> ReadResult:
    """Reads every utterance: names of its units by Viterbi, with a bigram and durations that are learned on the way.

    names: the table that `name` made; None if labelled utterances say everything. folder: to create. formats: text,
    csv, ctm, textgrid, elan, audacity, alto, page, hocr (default: all that the corpus can have).
    frames, learn, learn_encodings, tier: as of `name`. places: where line images are on their pages, as
    data_prep/pages.py writes it (default: places.jsonl beside the corpus, if there is one; without it every line image
    is a page).

    Raises NamesError where no unit has a name, ValueError for a format that such a corpus cannot have, and
    EncodingsError and CorpusError as `export`.

    >>> unitdisc.read("exp/found/units", "data/all.jsonl", "names.tsv", "exp/read", formats=["text", "page"]).texts
    """
    folder = folder_for_results(folder)
    if names is None and learn is None:
        raise ValueError("give the table `names`, or labelled utterances to `learn`")
    answers, splits = known_names(names) if names is not None else ((), {})
    inputs = NamingInputs(
        encodings, corpus, frames, learn, learn_encodings, tier, frame_rate=frame_rate, allow_pipes=allow_pipes
    )
    material = inputs.material(splits)
    images = {utterance.is_image for utterance in material.utterances}
    if len(images) > 1:
        raise CorpusError(f"{corpus}: has line images and recordings; read them apart")
    formats = formats_for(formats, images.pop())
    where = places_beside(corpus, places) if {*formats} & PAGES.keys() else {}
    labels, known = inputs.labels(splits)
    silent = {each.unit for each in answers}
    answers += tuple(Answer(unit, "silence") for unit in material.silent() if unit not in silent)
    inventory = material.inventory()
    with console.progress("learning to read", 1, "passes") as advance:
        reader = fit(material, inventory, spread(inventory, answers, labels), known=known, options=options)
        advance(1)
    found, left_out = [], 0
    with console.progress("reading", len(material.utterances)) as advance:
        for utterance, (_, tokens) in zip(material.utterances, read_all(reader, material)):
            found.append((utterance, kept := sure(tokens, options.least)))
            left_out += len(tokens) - len(kept)
            advance(1)
    units = [as_units(*reading) for reading in found]
    texts = {utterance.id: text_of(utterance, tokens) for utterance, tokens in found}
    files = [path for name in formats for path in write(folder, name, found, units, texts=texts, places=where)]
    confidences = [token.confidence for _, tokens in found for token in tokens if token.name != SILENCE]
    confidence = float(np.mean(confidences)) if confidences else 0.0
    named = sum(inventory.counts[place] for place, unit in enumerate(inventory.units) if unit in silent)
    summary = {
        "confidence": confidence,
        "left_out": left_out,
        "units_with_an_answer": float(named / max(inventory.counts.sum(), 1)),
        "names": [name for name in reader.names if name != SILENCE],
        "corpus_checksum": corpus_checksum(material.utterances),
        "options": asdict(options),
        "encodings": str(encodings),
        "table": names and str(names),
        "versions": versions(),
    }
    write_json(folder / "reading.json", summary)
    return ReadResult(files, texts, confidence, left_out)


def formats_for(formats: Sequence[str], images: bool) -> list[str]:
    """The formats asked for, or all that there are. Raises ValueError for those that such a corpus cannot have."""
    usual, kind = (OF_LINES, "line images") if images else (OF_SPEECH, "recordings")
    for name in formats:
        if name not in READ_FORMATS:
            raise ValueError(f"unknown format {name!r}: choose from {', '.join(READ_FORMATS)}")
        if name not in usual:
            raise ValueError(f"the format {name} cannot hold {kind}: choose from {', '.join(usual)}")
    return list(dict.fromkeys(formats or usual))


def write(
    folder: Path,
    name: str,
    readings: Sequence[Reading],
    units: Sequence[Units],
    *,
    texts: dict[str, str],
    places: dict,
) -> list[Path]:
    """Writes one format."""
    if name in PAGES:
        ending, write_page = PAGES[name]
        for page in pages_of(readings, places):
            write_page(folder / name / f"{page.id}{ending}", page)
        return [folder / name]
    if name == "text":
        write_texts(folder / "text", texts.items())
        return [folder / "text"]
    if name in ("csv", "ctm"):
        path = folder / f"reading.{name}"
        (write_csv if name == "csv" else write_ctm)(path, units)
        return [path]
    if name == "audacity":
        write_audacities(folder / name, units)
    else:
        (write_textgrids if name == "textgrid" else write_elans)(folder / name, units, TIER)
    return [folder / name]
