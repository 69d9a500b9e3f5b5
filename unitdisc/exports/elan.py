"""ELAN's .eaf, version 3.0: https://www.mpi.nl/tools/elan/EAF_Annotation_Format_3.0_and_ELAN.pdf"""

import mimetypes
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import quote

from unitdisc.corpus import Interval, Utterance, is_pipe
from unitdisc.exports.units import Units, seconds
from unitdisc.exports.xml import element, write_xml

SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
UNDATED = "1970-01-01T00:00:00+00:00"  # so that the same units give the same file


def write_elans(folder: Path, units: Iterable[Units], tier: str = "unit") -> None:
    """Writes `FOLDER/UTTERANCE.eaf` for every utterance."""
    for entry in units:
        write_elan(folder / f"{entry.utterance.id}.eaf", entry, tier)


def write_elan(path: Path, units: Units, tier: str = "unit") -> None:
    """Writes an .eaf: the tier of units, then the tiers of the alignment, which can all be changed in ELAN.

    Times are whole milliseconds from the start of the recording, which is linked relative to the .eaf, so that an
    utterance that begins within it is found there. Intervals that are shorter than one keep one. Intervals without a
    label are left out, for gaps need no annotation in ELAN. Raises ExportError if the utterance has no rate.
    """
    utterance = units.utterance
    own = f"{tier} (alignment)"
    tiers = {tier: units.intervals} | {
        own if name == tier else name: found for name, found in utterance.alignment.items()
    }
    root = element(None, "ANNOTATION_DOCUMENT", AUTHOR="unitdisc", DATE=UNDATED, FORMAT="3.0", VERSION="3.0")
    root.set("xmlns:xsi", INSTANCE)
    root.set("xsi:noNamespaceSchemaLocation", SCHEMA)
    header = element(root, "HEADER", MEDIA_FILE="", TIME_UNITS="milliseconds")
    if not is_pipe(utterance.path):
        media_of(header, path, utterance.path)
    element(header, "PROPERTY", "0", NAME="lastUsedAnnotationId")
    slots = element(root, "TIME_ORDER")
    times: list[int] = []
    number = 0
    for name, intervals in tiers.items():
        line = element(root, "TIER", LINGUISTIC_TYPE_REF="default", PARTICIPANT=utterance.speaker, TIER_ID=name)
        for start, end, label in in_milliseconds(utterance, intervals):
            number += 1
            first = len(times) + 1
            times += [start, end]
            annotation = element(element(line, "ANNOTATION"), "ALIGNABLE_ANNOTATION", ANNOTATION_ID=f"a{number}")
            annotation.set("TIME_SLOT_REF1", f"ts{first}")
            annotation.set("TIME_SLOT_REF2", f"ts{first + 1}")
            element(annotation, "ANNOTATION_VALUE", label)
    for place, time in enumerate(times, start=1):
        element(slots, "TIME_SLOT", TIME_SLOT_ID=f"ts{place}", TIME_VALUE=time)
    header[-1].text = str(number)
    element(root, "LINGUISTIC_TYPE", GRAPHIC_REFERENCES="false", LINGUISTIC_TYPE_ID="default", TIME_ALIGNABLE="true")
    write_xml(path, root)


def media_of(header, path: Path, recording: str) -> None:
    """Says where the recording is, from the root and from the .eaf."""
    whole = os.path.abspath(recording)  # noqa: PTH100 - resolve() follows links
    near = os.path.relpath(whole, path.parent.resolve())
    kind = mimetypes.guess_type(whole)[0] or "unknown"
    kind = "audio/x-wav" if kind in ("audio/wav", "audio/x-wav", "audio/vnd.wave") else kind
    element(
        header,
        "MEDIA_DESCRIPTOR",
        MEDIA_URL=f"file://{quote(whole)}",
        MIME_TYPE=kind,
        RELATIVE_MEDIA_URL=quote(near if near.startswith("..") else f"./{near}"),
    )


def in_milliseconds(utterance: Utterance, intervals: Sequence[Interval]) -> Iterable[tuple[int, int, str]]:
    """Labelled intervals in milliseconds of the recording, each one long or longer; none overlap."""
    position = 0
    for start, end, label in intervals:
        if label.strip():
            first = max(position, round(1000 * seconds(utterance, utterance.start + start)))
            position = max(first + 1, round(1000 * seconds(utterance, utterance.start + end)))
            yield first, position, label
