"""What a tier is, by what people call it: phones, words, whole utterances, or who speaks; and whose it is."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from unitdisc.prep.textgrids import Timed, kind_and_speaker

SPEAKERS = "speaker speakers spk spks who turn turns talker talkers participant participants diarisation diarization"
UTTERANCES = """utterance utterances utt utts sentence sentences sent phrase phrases transcript transcription
    transcriptions trans tx"""
KINDS = dict.fromkeys(SPEAKERS.split(), "speaker") | dict.fromkeys(UTTERANCES.split(), "utterance")
SILENCES = ("", "sil", "sp", "spn", "<sil>", "<p>", "<eps>", "#", "pau", "_", "<p:>", "h#", "silence")


class LabelTier(NamedTuple):
    """Labelled stretches of a recording in seconds. speaker: whose they are; "" if that is not said."""

    name: str  # phone, word, ... where that is known, `utterance`, `speaker`, or its own
    speaker: str
    rows: list[Timed]
    title: str = ""  # what it is called in its file
    is_presumed: bool = False  # whether the name is only what its place in the file makes likely


def named_tier(title: str, rows: list[Timed], speaker: str = "", otherwise: str = "") -> LabelTier:
    """A tier as it is called: "ann - phones", "tx@ann". otherwise: what a name that nobody knows stands for."""
    title = " ".join(title.split()).strip("\"'") or "label"
    plain, at, after = title.partition("@")  # the custom of field linguists: type@speaker
    if at and after and plain:
        speaker = speaker or after
    else:
        plain = title
    folded = plain.casefold()
    if folded in KINDS:
        return LabelTier(KINDS[folded], speaker, rows, title)
    kind, whose = kind_and_speaker(plain)
    if kind:
        return LabelTier(kind, speaker or spelt_as_in(plain, whose), rows, title)
    return LabelTier(otherwise or plain, speaker, rows, title, is_presumed=bool(otherwise))


def spelt_as_in(name: str, speaker: str) -> str:
    """A speaker, who is found in small letters, as the name of the tier writes them."""
    place = name.casefold().find(speaker)
    return name[place : place + len(speaker)] if place >= 0 else speaker


def told_apart(tiers: Sequence[LabelTier]) -> list[LabelTier]:
    """Tiers of which no two of a speaker share a name: the surest keeps it, the others are called by their titles."""
    same: dict[tuple[str, str], list[LabelTier]] = defaultdict(list)
    for tier in tiers:
        same[tier.name, tier.speaker].append(tier)
    taken, found = {*same}, []
    for (_, speaker), some in same.items():
        first = min(some, key=lambda tier: tier.is_presumed)
        found.append(first)
        for tier in some:
            if tier is first:
                continue
            title, number = tier.title, 1
            while (title, speaker) in taken:
                number += 1
                title = f"{tier.title}-{number}"
            taken.add((title, speaker))
            found.append(tier._replace(name=title))
    return found


def is_silence(label: str) -> bool:
    return label.strip().casefold() in SILENCES
