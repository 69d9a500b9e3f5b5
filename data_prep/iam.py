"""IAM Handwriting Database: English sentences, as about 650 people wrote them.

Origin    Marti and Bunke, 2002 (https://doi.org/10.1007/s100320200071); https://fki.tic.heia-fr.ch/databases, where one
          registers.
Licence   for non-commercial research.
Files     lines/a01/a01-000u/a01-000u-00.png  a line of a form, 8-bit grey (lines.tgz)
          ascii/lines.txt     id, ok or err, grey level, components, x, y, width and height on the page, text with "|"
                              between words (ascii.tgz)
          ascii/words.txt     id, ok or err, grey level, x, y, width, height, tag, word
          ascii/forms.txt     id of the form, writer, ...
          largeWriterIndependentTextLineRecognitionTask/{trainset,validationset1,validationset2,testset}.txt
                              ids of lines, one to a line
Writers   are called w and their number, w000, so that a number alone can be a count.
Tiers     word: the columns of its box; where two overlap, the second begins where the first ends. Blanks belong to no
          interval. A line that was not segmented without errors ("err") has its text and no words, or is left out with
          --leave-out-errors.
Split     that of the task: train, valid (both validation sets), test, and other (lines it does not name), all of
          different writers. Without the files of the task, or with --test-writers 100: a fifth of the writers, or
          these, to test and nothing of them to train. Images stay where they are.

python data_prep/iam.py IAM data/iam
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from unitdisc.corpus import CorpusError, Interval, Utterance
from unitdisc.files import text as texts
from unitdisc.prep.notes import Notes
from unitdisc.prep.scripts import add_only_option, add_speaker_options, collect, only, run, script_parser, write_corpus
from unitdisc.prep.speakers import hold_out
from unitdisc.prep.utterances import line_image

SETS = {"trainset": "train", "validationset1": "valid", "validationset2": "valid", "testset": "test"}
REST = "other"
TEST_SHARE = "0.2"
SLACK = 8  # columns by which a box may differ from the image cut out of the page


@dataclass(frozen=True)
class Box:
    """The columns of something on a page."""

    x: int
    width: int
    text: str


@dataclass(frozen=True)
class Listed:
    """A line of lines.txt."""

    name: str
    segmented: bool  # without errors
    box: Box

    @property
    def form(self) -> str:
        return "-".join(self.name.split("-")[:2])


def rows(path: Path, columns: int) -> Iterator[tuple[int, list[str]]]:
    """The rows of one of the tables, numbered; the last column may hold spaces."""
    for number, line in texts.read_lines(path, CorpusError):
        if line.strip() and not line.startswith("#"):
            row = line.split(maxsplit=columns - 1)
            if len(row) < columns:
                raise CorpusError(f"{path}:{number}: has {len(row)} of {columns} columns; copy the file again")
            yield number, row


def read_lines(path: Path) -> list[Listed]:
    found = []
    for number, (name, state, _, _, x, _, width, _, text) in rows(path, 9):
        found.append(Listed(name, state == "ok", box(x, width, text.replace("|", " "), path, number)))
    return found


def read_words(path: Path, notes: Notes) -> dict[str, list[Box]]:
    """Line -> its words, in order of their numbers. Those whose place is not known (-1) are left out, and noted."""
    found: dict[str, list[tuple[int, Box]]] = defaultdict(list)
    for number, (name, _, _, x, _, width, _, _, text) in rows(path, 9):
        line, _, place = name.rpartition("-")
        word = box(x, width, text, path, number)
        if word.x >= 0 and word.width > 0 and place.isdigit():
            found[line].append((int(place), word))
        else:
            notes.add("words whose place is not known, left out of the tier word", name)
    return {line: [word for _, word in sorted(words, key=lambda each: each[0])] for line, words in found.items()}


def box(x: str, width: str, text: str, path: Path, number: int) -> Box:
    try:
        return Box(int(x), int(width), text)
    except ValueError as error:
        raise CorpusError(
            f"{path}:{number}: {x!r} or {width!r} is no number of columns; copy the file again"
        ) from error


def read_writers(path: Path) -> dict[str, str]:
    """Form -> who wrote it."""
    return {form: f"w{writer}" for _, (form, writer, _) in rows(path, 3)}


def read_sets(raw: Path) -> dict[str, str]:
    """Line -> split, where the files of the task are there."""
    found = {}
    for name, split in SETS.items():
        for path in [raw / f"{name}.txt", *sorted(raw.glob(f"*/{name}.txt")), *sorted(raw.glob(f"*/*/{name}.txt"))]:
            if path.exists():
                found |= dict.fromkeys(texts.read_text(path, CorpusError).split(), split)
    return found


def table(raw: Path, name: str) -> Path:
    """The place of a table: in ascii/, or where a copy of the database has it."""
    places = [raw / "ascii" / name, raw / name, raw / "data" / "ascii" / name]
    found = next((path for path in places if path.exists()), None)
    if found is None:
        raise CorpusError(f"{raw}: no ascii/{name} in it; unpack ascii.tgz there, and give the folder above ascii/")
    return found


def with_words(line: Utterance, listed: Listed, words: list[Box], notes: Notes) -> Utterance:
    """The line with its words, from columns of the page to columns of the image."""
    if abs(listed.box.width - line.ticks) > SLACK:
        what = f"has {line.ticks} columns, but its box {listed.box.width}"
        raise CorpusError(f"{line.path}: {what}; use the images as distributed, not made smaller")
    intervals, position = [], 0
    for word in words:
        start = max(word.x - listed.box.x, position)
        end = min(word.x + word.width - listed.box.x, line.ticks)
        if start < end:
            intervals.append(Interval(start, end, word.text))
            position = end
        else:
            notes.add("words that lie within others or beyond their line, left out of the tier word", line.id)
    return replace(line, alignment={"word": intervals} if intervals else {})


def in_splits(lines: list[Utterance], sets: Mapping[str, str]) -> dict[str, list[Utterance]]:
    return {
        split: [u for u in lines if sets.get(u.id, REST) == split] for split in (*dict.fromkeys(SETS.values()), REST)
    }


def main(argv: list[str] | None = None) -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--leave-out-errors", action="store_true", help="leave out lines segmented with errors")
    add_speaker_options(parser, default=None, otherwise="the split of the task, or a fifth of them", who="writer")
    add_only_option(parser)
    args = parser.parse_args(argv)

    notes = Notes()
    listed = read_lines(table(args.raw, "lines.txt"))
    words = read_words(table(args.raw, "words.txt"), notes)
    writers = read_writers(table(args.raw, "forms.txt"))
    chosen = set(only(writers.values(), args.writers))
    home = next((path for path in (args.raw / "lines", args.raw / "data" / "lines") if path.is_dir()), args.raw)

    def make(one: Listed) -> Utterance:
        if one.form not in writers:
            raise CorpusError(f"{args.raw}: forms.txt does not say who wrote {one.form}; copy it again")
        path = home / one.form.split("-")[0] / one.form / f"{one.name}.png"
        line = line_image(path, speaker=writers[one.form], text=one.box.text)
        return with_words(line, one, words.get(one.name, []), notes) if one.segmented else line

    kept = [one for one in listed if one.segmented or not args.leave_out_errors]
    for one in listed:
        if not one.segmented:
            notes.add(
                f"lines segmented with errors, {'left out' if args.leave_out_errors else 'without words'}", one.name
            )
    kept = [one for one in kept if writers.get(one.form) in chosen or one.form not in writers]
    lines = collect(kept, make, args.strict, args.raw)
    sets = read_sets(args.raw)
    if args.test_writers or not sets:
        which = args.test_writers or TEST_SHARE
        write_corpus(args.output, hold_out(lines, which, args.seed, "writer", TEST_SHARE), notes)
    else:
        write_corpus(args.output, in_splits(lines, sets), notes)


if __name__ == "__main__":
    run(main)
