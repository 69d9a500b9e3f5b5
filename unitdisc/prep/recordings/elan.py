"""ELAN's annotations (.eaf): tiers, whose they are, and when, https://www.mpi.nl/tools/elan/EAF_Annotation_Format_3.0.pdf"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from unitdisc.corpus import CorpusError
from unitdisc.prep.notes import Notes
from unitdisc.prep.pages.xml import read_xml
from unitdisc.prep.recordings.tier_kinds import LabelTier, named_tier

ROOT = "ANNOTATION_DOCUMENT"
Span = tuple[float, float]


def read_elan(path: Path, media: str, notes: Notes) -> list[LabelTier]:
    """The tiers of an .eaf file, in seconds of the recording called `media`.

    Tiers without a parent that are called like nothing known are of utterances, if they name their participant. An
    annotation that belongs to another has its times; where several share those of one, as parts without times of their
    own, nobody knows when each is, and the tier is left out, which is noted. Raises CorpusError if it is none of ELAN.
    """
    root = read_xml(path)
    if root.tag != ROOT:
        raise CorpusError(f"{path}: is no file of ELAN, for its root is <{root.tag[:40]}>; export it as .eaf")
    offset = next((float(each.get("TIME_ORIGIN") or 0) / 1000 for each in media_of(root) if named(each) == media), 0.0)
    slots = {each.get("TIME_SLOT_ID"): each.get("TIME_VALUE") for each in root.iterfind("TIME_ORDER/TIME_SLOT")}
    spans: dict[str, Span] = {}
    for tier in root.iterfind("TIER"):
        spans |= timed_spans(path, tier, slots)
    parents = dict(refer(root))
    found = []
    for tier in root.iterfind("TIER"):
        name, rows = tier.get("TIER_ID") or "label", []
        shared: dict[str, int] = defaultdict(int)
        for annotation in tier.iterfind("ANNOTATION/*"):
            own = annotation.get("ANNOTATION_ID") or ""
            span = spans.get(own) or spans.get(origin(own, parents))
            shared[parents.get(own, own)] += 1
            if span is not None:
                label = " ".join((annotation.findtext("ANNOTATION_VALUE") or "").split())
                rows.append((span[0] + offset, span[1] + offset, label))
        if any(count > 1 for count in shared.values()):
            notes.add(f"ELAN files whose tier {name!r} has parts without times of their own, left out", path.name)
        elif rows:
            whose = " ".join((tier.get("PARTICIPANT") or "").split())
            is_root = not tier.get("PARENT_REF") and (whose or "@" in name)
            found.append(named_tier(name, rows, whose, otherwise="utterance" if is_root else ""))
    return found


def media_of(root: Element) -> list[Element]:
    return root.findall("HEADER/MEDIA_DESCRIPTOR")


def named(descriptor: Element) -> str:
    """The name of the file that a MEDIA_DESCRIPTOR is about, whatever folder it was in."""
    url = descriptor.get("RELATIVE_MEDIA_URL") or descriptor.get("MEDIA_URL") or ""
    return unquote(url).replace("\\", "/").rpartition("/")[2]


def media_named(path: Path) -> list[str]:
    """The names of the recordings that an .eaf file is about; [] if it cannot be read."""
    try:
        return [named(each) for each in media_of(read_xml(path))]
    except CorpusError:
        return []


def refer(root: Element) -> Iterator[tuple[str, str]]:
    """Annotation -> the one that it belongs to."""
    for annotation in root.iterfind("TIER/ANNOTATION/REF_ANNOTATION"):
        yield annotation.get("ANNOTATION_ID") or "", annotation.get("ANNOTATION_REF") or ""


def origin(annotation: str, parents: dict[str, str]) -> str:
    """The annotation with times that one belongs to, over any number of others."""
    for _ in range(len(parents) + 1):
        if annotation not in parents:
            break
        annotation = parents[annotation]
    return annotation


def timed_spans(path: Path, tier: Element, slots: dict[str | None, str | None]) -> dict[str, Span]:
    """Annotation -> start and end in seconds; ends that are not set lie evenly between those that are.

    Raises CorpusError for times that are no numbers.
    """
    rows: list[tuple[str, str | None, str | None]] = []
    for each in tier.iterfind("ANNOTATION/ALIGNABLE_ANNOTATION"):
        id = each.get("ANNOTATION_ID") or ""
        rows.append((id, each.get("TIME_SLOT_REF1"), each.get("TIME_SLOT_REF2")))
    order = list(dict.fromkeys(slot for _, *ends in rows for slot in ends))
    try:
        known = {slot: int(slots[slot]) / 1000 for slot in order if slots.get(slot) is not None}
    except ValueError as error:
        raise CorpusError(f"{path}: has a time that is no number of milliseconds ({error}); export it again") from error
    set_at = [place for place, slot in enumerate(order) if slot in known]
    for before, after in pairwise(set_at):
        first, last = known[order[before]], known[order[after]]
        for place in range(before + 1, after):
            known[order[place]] = first + (last - first) * (place - before) / (after - before)
    return {id: (known[start], known[end]) for id, start, end in rows if start in known and end in known}
