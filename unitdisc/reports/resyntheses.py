"""The section of resyntheses: originals beside what the decoder made of their units."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.encodings import Encodings, EncodingsError
from unitdisc.exports.units import read_units
from unitdisc.media.audio import audio_info
from unitdisc.reports.clips import Clip, utterance_clip
from unitdisc.reports.lines import Given, Sheet, Version, original, version_of, version_sheet

PIXELS = 140  # to a second: few, so that versions stand side by side
SECONDS = 6.0  # of each version: sounds are most of the page's size
SHOWN = 4  # utterances
VERSIONS = 4  # of each of them
GIVEN = re.compile(r"(?P<stem>.+--.+)--given-(?P<side>last-)?(?P<percent>\d{1,3})")


class Made(NamedTuple):
    """A file that the decoder made of the units of an utterance."""

    caption: str
    path: Path  # sound or image
    given: Given | None = None  # the part of an image that was given and not made


@dataclass(frozen=True)
class Resynthesis:
    """An utterance beside what the model made of its units."""

    utterance: Utterance
    versions: list[tuple[str, Clip]]  # caption, sound; the original first
    sheet: Sheet | None  # of line images: all versions, the original on top
    problems: list[str]


def made_in(folder: Path) -> dict[str, list[Made]]:
    """Utterance id -> what was made of it, from files named UTTERANCE--VOICE.wav, UTTERANCE--SCRIBE.png, or
    UTTERANCE--SCRIBE--given-50.png where the first half of the columns was given, --given-last-50.png for the other.
    """
    found = defaultdict(list)
    for path in sorted(folder.glob("*--*.wav")):
        utterance, _, voice = path.stem.rpartition("--")
        found[utterance].append(Made(f"resynthesis, voice of {voice}", path))
    images = [(written_name(path.stem), path) for path in sorted(folder.glob("*--*.png"))]
    for (utterance, scribe, given), path in sorted(images, key=lambda image: image[0][2] or ()):
        hand = f"in the hand of {scribe}"
        found[utterance].append(Made(f"completed {hand}" if given else hand, path, given))
    return dict(found)


def written_name(stem: str) -> tuple[str, str, Given | None]:
    """Utterance, scribe, and what was given of the line."""
    given = None
    if completed := GIVEN.fullmatch(stem):
        stem, share = completed["stem"], int(completed["percent"]) / 100
        given = Given(1 - share, 1) if completed["side"] else Given(0, share)
    utterance, _, scribe = stem.rpartition("--")
    return utterance, scribe, given


def resyntheses(
    utterances: Iterable[Utterance], made: Mapping[str, Sequence[Made]], units: Encodings | None
) -> list[Resynthesis]:
    """The originals beside what was made of their units."""
    known = {utterance.id: utterance for utterance in utterances}
    shown = sorted(known.keys() & made.keys())[:SHOWN]
    return [(seen if known[name].is_image else heard)(known[name], made[name][:VERSIONS], units) for name in shown]


def heard(utterance: Utterance, made: Sequence[Made], _: Encodings | None) -> Resynthesis:
    versions, problems = [], []
    for caption, source in [("original", utterance), *((each.caption, each.path) for each in made)]:
        try:
            sound = source if isinstance(source, Utterance) else recording(source)
            versions.append((caption, utterance_clip(sound, {}, PIXELS, SECONDS)))
        except CorpusError as error:
            problems.append(str(error))
    return Resynthesis(utterance, versions, None, problems)


def recording(path: Path) -> Utterance:
    """A whole audio file as an utterance."""
    info = audio_info(path)
    return Utterance(id="resynthesis", path=str(path), speaker=None, ticks=info.ticks, rate=info.rate)


def seen(utterance: Utterance, made: Sequence[Made], units: Encodings | None) -> Resynthesis:
    versions: list[Version] = []
    problems: list[str] = []
    for read in (lambda: original(utterance), *(lambda each=each: version_of(*each) for each in made)):
        try:
            versions.append(read())
        except CorpusError as error:
            problems.append(str(error))
    if not versions:
        return Resynthesis(utterance, [], None, problems)
    return Resynthesis(utterance, [], version_sheet(utterance, versions, unit_lane(utterance, units)), problems)


def unit_lane(utterance: Utterance, units: Encodings | None) -> dict:
    """The units that all versions share, where there are any."""
    try:
        return {} if units is None else {"unit": read_units(units, utterance).intervals}
    except EncodingsError:
        return {}  # of a continuous bottleneck, or of other utterances
