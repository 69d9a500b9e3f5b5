"""What `name` and `read` begin with: the units of a corpus, and what labelled utterances say of them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from unitdisc import console
from unitdisc.corpus import Utterance
from unitdisc.encodings import Encodings, EncodingsError
from unitdisc.evaluation.inputs import open_both, usual_labels
from unitdisc.files.folders import file_for_results
from unitdisc.files.locks import locked_file
from unitdisc.naming.halves import Split, halves_path, read_splits
from unitdisc.naming.labels import learned, tiers_of
from unitdisc.naming.material import Material, mixed
from unitdisc.naming.reader import Known
from unitdisc.naming.session import Session
from unitdisc.naming.table import Answer, NamesError, read_names


@dataclass(frozen=True)
class NamingInputs:
    """Where units are read. frames: what they are like; None: the frames beside the codes.

    learn: labelled utterances, whose units are in `learn_encodings`, or, if that is None, in `encodings`.
    """

    encodings: Path
    corpus: Path
    frames: Path | None = None
    learn: Path | None = None
    learn_encodings: Path | None = None
    tier: str | None = None
    frame_rate: float | None = None
    allow_pipes: bool = False

    def material(self, splits: dict[str, Split]) -> Material:
        """The units of the corpus, divided as is known."""
        return self.opened(self.encodings, self.corpus, self.frames, splits)

    def opened(self, encodings: Path, corpus: Path, frames: Path | None, splits: dict[str, Split]) -> Material:
        found, utterances = open_both(encodings, corpus, self.frame_rate, allow_pipes=self.allow_pipes)
        other = Encodings.open(frames) if frames is not None else None
        if other is not None and (lost := [each.id for each in utterances if each.id not in other]):
            raise EncodingsError(f"{frames}: has no frames of {lost[0]}; give those of this corpus")
        with console.progress("reading units", len(utterances)) as advance:
            return Material.of(found, utterances, other, splits=splits, advance=advance)

    def labels(self, splits: dict[str, Split]) -> tuple[dict[str, dict[str, float]], Known]:
        """What labelled utterances say; nothing if there are none."""
        if self.learn is None:
            return {}, Known()
        tier, _ = usual_labels(self.learn, self.tier)
        encodings = self.learn_encodings or self.encodings
        material = self.opened(encodings, self.learn, self.frames, splits)
        return learned(material, tier, tiers_of(material.utterances, tier, str(self.learn)))


@contextmanager
def opened_session(inputs: NamingInputs, names: Path) -> Iterator[Session]:
    """Goes on with a table of names, or begins one, which no other run may write meanwhile.

    Raises NamesError for one that cannot be used, LockedError if another run has it.
    """
    file_for_results(names, "NAMES")
    with locked_file(names):
        session = Session.open(inputs.material(splits_of(names, read_names(names))), names)
        session.labels, _ = inputs.labels(session.material.splits)
        yield session


def splits_of(names: Path, answers: Sequence[Answer]) -> dict[str, Split]:
    """How the halves of mixed units are told apart, as the file beside a table says."""
    there = read_splits(halves_path(names))
    return {unit: there[unit] for unit in mixed(answers) if unit in there}


def known_names(names: Path) -> tuple[tuple[Answer, ...], dict[str, Split]]:
    """The answers of a table, and how halves of its mixed units are told apart.

    Raises NamesError if there is no table, or if halves are asked for of which nothing is known.
    """
    refuse_no_table(names)
    answers = read_names(names)
    splits = splits_of(names, answers)
    if lost := [unit for unit in mixed(answers) if unit not in splits]:
        what = f"unit {lost[0]} is mixed, but {halves_path(names)} does not say how its halves are told apart"
        raise NamesError(f"{names}: {what}; open the table with `unitdisc name` and the corpus that it was made with")
    return answers, splits


def refuse_no_table(names: Path) -> None:
    if not names.exists():
        raise NamesError(f"{names}: no such table of names; `unitdisc name` makes one")


def speech_or_lines(utterances: Sequence[Utterance]) -> str:
    return "lines" if all(utterance.is_image for utterance in utterances) else "recordings"
