"""unitdisc prepare: what somebody brings becomes a corpus."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from unitdisc import console
from unitdisc.api.paths import takes_paths
from unitdisc.api.prepare_sources import Brought, bring
from unitdisc.corpus import CorpusError, Problem, Utterance
from unitdisc.corpus.access import CorpusAccess
from unitdisc.corpus.manifest import write_manifest
from unitdisc.corpus.validation.report import validate as find_problems
from unitdisc.files import take_away, write_json
from unitdisc.files.folders import filling, folder_for_results
from unitdisc.files.text import read_json
from unitdisc.prep.image_folders import share_out, whole
from unitdisc.prep.notes import Notes
from unitdisc.prep.pages import PLACES
from unitdisc.prep.recordings.cutting import CutOptions
from unitdisc.prep.scripts import of_two_genders, summary
from unitdisc.prep.sources import find_source
from unitdisc.prep.speakers import hold_out

SETTINGS = "prepare.json"
MOST_SHOWN = 10  # problems of the verdict


@dataclass(frozen=True)
class PrepareOptions:
    """How what is brought becomes a corpus.

    speaker_from: `folder`, `none`, or `name:REGEX`, whose first group, in the path below the source, is the speaker.
    table: of recordings, with the columns file, speaker, text, gender, split, start, end, as far as known.
    cut: how long recordings become utterances. resample: samples per second, of copies of recordings of other rates.
    test_speakers: to hold out, a number, a share or names. test_share: of recordings or lines, by chance.
    """

    speaker_from: str = "folder"
    table: Path | None = None
    cut: CutOptions = CutOptions()
    resample: int | None = None
    test_speakers: str | None = None
    test_share: float | None = None
    seed: int = 0

    def __post_init__(self):
        if self.speaker_from not in ("folder", "none") and not self.speaker_from.startswith("name:"):
            raise ValueError(
                f"`speaker_from` {self.speaker_from}: must be folder, none, or name:REGEX with a group (...)"
            )
        if self.resample is not None and not 1000 <= self.resample <= 384_000:
            raise ValueError(f"`resample` {self.resample}: must be samples per second, such as 16000")
        if self.test_speakers is not None and self.test_share is not None:
            raise ValueError("`test_speakers` and `test_share` exclude each other; give one")
        if self.test_share is not None and not 0 < self.test_share < 1:
            raise ValueError(f"`test_share` {self.test_share}: must be between 0 and 1, such as 0.1")
        if self.seed < 0:
            raise ValueError(f"`seed` {self.seed}: must be 0 or more")


@dataclass(frozen=True)
class PrepareResult:
    """kind: what the source is, and `said`, the same in a sentence. manifests: split -> file.

    left_out: what could not be used, a sentence each. problems: what `validate` says of the rest.
    """

    kind: str
    said: str
    manifests: dict[str, Path]
    left_out: list[str]
    problems: list[Problem]

    @property
    def next_command(self) -> str:
        """What to type next."""
        manifest = self.manifests.get("train") or next(iter(self.manifests.values()))
        preset = "small-handwriting" if self.kind in ("lines", "pages") or self.of_images else "small"
        return f"unitdisc train {preset} {manifest} exp/{manifest.resolve().parent.name}"

    of_images: bool = False


@takes_paths
@filling(lambda given: [given["folder"]])
def prepare(
    source: Path,
    folder: Path,
    options: PrepareOptions = PrepareOptions(),
    *,
    access: CorpusAccess = CorpusAccess(),
) -> PrepareResult:
    """Makes a corpus of what somebody brings: FOLDER/all.jsonl, or a manifest for each split.

    source: a folder of recordings, of line images or of pages in ALTO or PAGE XML; a Kaldi data directory, cuts of
    lhotse, tars of WebDataset or lhotse Shar, a data set of Hugging Face; or a manifest, or a recording. Which it is,
    is found out and said. Recordings and images stay where they are. What cannot be used is said and left out, or ends
    it if `access` is strict. What an interrupted run found out is not found out again.

    Raises CorpusError if nothing can be used, if the folder holds manifests of somebody else, and for a split with an
    empty side.

    >>> result = unitdisc.prepare("recordings", "data/mine", PrepareOptions(test_speakers="0.2"))
    >>> result.manifests["train"], [str(problem) for problem in result.problems]
    """
    folder, before = folder_for_results(folder), manifests_before(folder)
    notes, left_out = Notes(), Reports(access.strict)
    found = find_source(source, folder, notes)
    console.say(f"{source}: {found.said}.")
    notes.say()
    brought = bring(found, folder, options, access=access, report=left_out)
    listed = split(brought, options)
    asked = asdict(options) | {"table": None if options.table is None else str(options.table.resolve())}
    about = {"source": str(source.resolve()), "kind": found.kind, "options": asked}
    manifests = write_manifests(folder, listed, before, about)
    problems = [*find_problems(*manifests.values(), allow_pipes=access.allow_pipes)]
    problems = take_out(manifests, listed, problems, left_out)
    images = all(each.is_image for some in listed.values() for each in some)
    return PrepareResult(found.kind, found.said, manifests, left_out.said, problems, images)


class Reports:
    """Says what is left out, or raises it."""

    def __init__(self, strict: bool):
        self.strict, self.said = strict, []

    def __call__(self, error: Exception) -> None:
        if self.strict:
            raise error
        self.said.append(str(error))
        console.say(f"left out: {error}")


def manifests_before(folder: Path) -> list[str]:
    """The manifests that a run before left in a folder. Raises CorpusError if others are in there."""
    path, names = folder / SETTINGS, []
    if path.exists():
        try:
            names = [name for name in read_json(path)["manifests"] if re.fullmatch(r"[^/]+\.jsonl", name)]
        except (ValueError, KeyError, TypeError) as error:
            raise CorpusError(f"{path}: damaged ({error}); remove it, and the manifests beside it") from error
    if others := sorted(
        each.name for each in folder.glob("*.jsonl") if each.name not in (*names, ".prepared.jsonl", PLACES)
    ):
        raise CorpusError(f"{folder}: holds {others[0]}, which `unitdisc prepare` did not write; choose another folder")
    return names


def split(brought: Brought, options: PrepareOptions) -> dict[str, list[Utterance]]:
    """Split -> utterances: as the options ask for, or else as a table said."""
    utterances, shown = brought.utterances, brought.shown
    parts = ("line", "picture") if brought.of_images else ("utterance", "recording")
    if options.test_speakers is not None:
        who = "writer" if brought.of_images else "speaker"
        return whole(hold_out(utterances, options.test_speakers, options.seed, who=who), shown, parts)
    if options.test_share is not None:
        if not brought.of_images and len({*shown.values()}) == 1:
            console.say("There is one recording, whose utterances are split by chance.")
            shown = {each.id: each.id for each in utterances}
        return share_out(utterances, options.test_share, options.seed, shown=shown, called=parts)
    by_split: dict[str, list[Utterance]] = {}
    for each in utterances:
        by_split.setdefault(brought.splits.get(each.id, "all"), []).append(each)
    return whole(dict(sorted(by_split.items())), shown, parts) if len(by_split) > 1 else by_split


def write_manifests(
    folder: Path, listed: Mapping[str, Sequence[Utterance]], before: Iterable[str], about: Mapping[str, Any]
) -> dict[str, Path]:
    """Writes a manifest for each split, and takes those of a run before away that are no more.

    Where a speaker is a woman here and a man there, neither is written, which is said.
    """
    notes, everyone = Notes(), [each for some in listed.values() for each in some]
    for speaker in sorted(doubtful := of_two_genders(everyone)):
        notes.add("a speaker of both genders, which are left out", speaker)
    note_missing_tiers(everyone, notes)
    notes.say()
    manifests = {name: folder / f"{name}.jsonl" for name, some in listed.items() if some}
    write_json(
        folder / SETTINGS, {**about, "manifests": sorted({*before} | {path.name for path in manifests.values()})}
    )
    for name, path in manifests.items():
        some = [replace(u, gender=None) if u.speaker in doubtful else u for u in listed[name]]
        write_manifest(path, some)
        console.say(f"{path}: {summary(some)}{tiers_said(some)}")
    for name in {*before} - {path.name for path in manifests.values()}:
        take_away(folder / name)
    write_json(folder / SETTINGS, {**about, "manifests": sorted(path.name for path in manifests.values())})
    return manifests


def tiers_said(utterances: Sequence[Utterance]) -> str:
    """Which tiers there are, as a sentence goes on."""
    tiers = sorted({tier for each in utterances for tier in each.alignment})
    texts = sum(each.text is not None for each in utterances)
    said = [f"texts of {texts}"] * bool(texts) + [f"tiers {', '.join(tiers)}"] * bool(tiers)
    return f"; {'; '.join(said)}" if said else ""


def note_missing_tiers(utterances: Sequence[Utterance], notes: Notes) -> None:
    """Notes every tier that some utterances have and others have not."""
    for tier in sorted({tier for each in utterances for tier in each.alignment}):
        for each in utterances:
            if tier not in each.alignment:
                notes.add(f"utterances without the tier {tier!r}, which others have", each.id)


def take_out(
    manifests: dict[str, Path],
    listed: Mapping[str, Sequence[Utterance]],
    problems: Sequence[Problem],
    report: Reports,
) -> list[Problem]:
    """Takes utterances with errors off their manifests, and gives the problems that are left.

    Those whose only fault is another rate than most have stay: they can be resampled. Raises CorpusError if nothing
    stays, and for the first if `report` is strict.
    """
    bad: dict[str, set[int]] = {}
    for problem in problems:
        if problem.severity == "error" and problem.line is not None and not problem.cure.startswith("resample it"):
            bad.setdefault(problem.file, set()).add(problem.line)
            report(CorpusError(f"{problem.what}; {problem.cure}"))
    if not bad:
        return list(problems)
    for name, path in list(manifests.items()):
        ordered = sorted(listed[name], key=lambda each: each.id)
        out = bad.get(str(path), set())
        kept = [each for line, each in enumerate(ordered, start=1) if line not in out]
        if not kept and len(manifests) == 1:
            raise CorpusError(f"{path}: not one of its {len(ordered)} utterances can be used; see what is said above")
        if not kept:
            take_away(path)
            del manifests[name]
        elif out:
            write_manifest(path, kept)
            console.say(f"{path}: {len(kept)} utterances are left")
    return find_problems(*manifests.values())
