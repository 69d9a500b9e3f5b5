"""Which files belong to which recording: those of its name, beside it or in a folder of their own."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from unitdisc.corpus import CorpusError
from unitdisc.files.refusals import refuse_blameless
from unitdisc.files.text import printable
from unitdisc.prep.notes import Notes
from unitdisc.prep.recordings.elan import media_named
from unitdisc.prep.recordings.label_tiers import rows_of_ctm, sound_ctm
from unitdisc.prep.recordings.tier_kinds import LabelTier, named_tier


def labels_by_recording(recordings: Sequence[Path], labels: Sequence[Path], notes: Notes) -> dict[Path, list[Path]]:
    """Recording -> the files of labels that belong to it; what belongs to none, or to several, is noted.

    A file belongs to the recording that is called like it (talk.TextGrid, talk.phones.lab) in its folder; or else to
    the only one of this name, in a folder of this name where there are several; or, of ELAN, to the one it names.
    """
    by_stem: dict[str, list[Path]] = defaultdict(list)
    by_name: dict[str, list[Path]] = defaultdict(list)
    for recording in recordings:
        by_stem[recording.stem].append(recording)
        by_name[recording.name].append(recording)
    found: dict[Path, list[Path]] = defaultdict(list)
    for path in labels:
        if path.suffix.lower() == ".ctm" and path.stem not in by_stem:
            continue  # of many recordings
        meant = [each for stem in stems_of(path) for each in by_stem.get(stem, [])]
        if not meant and path.suffix.lower() == ".eaf":
            meant = [each for name in media_named(path) for each in by_name.get(name, [])][:1]
        for same in (path.parent, path.parent.name):
            near = [each for each in meant if same in (each.parent, each.parent.name)]
            meant = near if near else meant
        if len({(each.parent, each.stem) for each in meant}) > 1:
            notes.add("labels that may be of several recordings, left out", printable(path.name))
        elif meant:
            for recording in meant:  # of one name, in several formats
                found[recording].append(path)
        else:
            notes.add("texts and labels that are called like no recording, left out", printable(path.name))
    return dict(found)


def stems_of(path: Path) -> list[str]:
    """What its recording may be called: talk.phones and talk, of talk.phones.lab."""
    stem, found = path.stem, [path.stem]
    while "." in stem:
        stem = stem.rpartition(".")[0]
        found.append(stem)
    return found


class SharedCtms:
    """CTM files that are of many recordings: phones.ctm, words.ctm, whose lines begin with names of recordings."""

    def __init__(self, labels: Sequence[Path], recordings: Mapping[str, Sequence[str]], notes: Notes):
        """recordings: id -> the names that lines about it may begin with."""
        names = {name for some in recordings.values() for name in some}
        self.tiers: list[tuple[str, dict]] = []
        for path in labels:
            if path.suffix.lower() != ".ctm" or path.stem in names:
                continue
            try:
                lines = sound_ctm(path, notes)
            except (CorpusError, OSError) as error:
                refuse_blameless(error, path)
                notes.add(f"labels that cannot be read, left out: {error}", path.name)
                continue
            for key in sorted(lines.keys() - names):
                notes.add(f"recordings of {path.name} that are not there, left out", key)
            self.tiers.append((path.stem, lines))

    def of(self, names: Sequence[str], channel: int | None = None) -> list[LabelTier]:
        """The tiers of a recording that may be called so."""
        found = []
        for title, lines in self.tiers:
            rows = next((lines[name] for name in names if name in lines), [])
            if rows:
                found.append(named_tier(title, rows_of_ctm(rows, channel)))
        return found
