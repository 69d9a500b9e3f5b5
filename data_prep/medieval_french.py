"""Lines of Old French manuscripts of the 13th and 14th century, in eight hands.

Origin    CREMMA Medieval (Pinche, 2022; https://github.com/HTR-United/cremma-medieval): pages with polygons around the
          lines and graphemic transcriptions, cut into lines, deskewed and 48 rows high.
Licence   CC BY 4.0.
Files     lines.tsv             image, writer (the manuscript), page, width, split, text; with tabs between
          char_alignment.jsonl  one line per image: {"image": ..., "x": [x0, ..., xn], "c": [c1, ..., cn]}, the first
                                character being in the columns x0 to x1, and " " a blank
          images/<writer>/*.jpg
Tiers     character: as transcribed (abbreviations are kept, marks above a letter belong to it), from an automatic
          alignment which is right to a few pixels on most lines. word: as the text has them, where the characters
          spell it, marks and capitals aside. Blanks belong to no interval. Lines without an alignment have neither
          tier.
Split     that of lines.tsv: other pages of the same hands to test, or with --test-writers 2 these hands to test and
          nothing of them to train. Images stay where they are.

python data_prep/medieval_french.py ../shared/data/hw_medieval_fro data/medieval_french --writers bnf_fr_1728
"""

import json
from bisect import bisect_right
from dataclasses import replace
from itertools import accumulate, pairwise
from pathlib import Path
from unicodedata import category, normalize

from unitdisc.corpus import CorpusError, Interval, Utterance
from unitdisc.files.text import read_lines
from unitdisc.prep.notes import Notes
from unitdisc.prep.scripts import add_only_option, add_speaker_options, collect, only, run, script_parser, write_corpus
from unitdisc.prep.speakers import hold_out
from unitdisc.prep.tables import read_table
from unitdisc.prep.utterances import line_image

COLUMNS = ("image", "writer", "split", "text")
BLANK = " "
SLACK = 2  # columns by which the last character may outlast its image: the alignment counts in twos


def read_alignments(path: Path) -> dict[str, list[Interval]]:
    """Image -> characters and blanks, one after the other."""
    found = {}
    for number, line in read_lines(path, CorpusError):
        try:
            row = json.loads(line)
            edges = list(pairwise(map(int, row["x"])))
            pairs = zip(edges, row["c"], strict=True)
            found[row["image"]] = [Interval(start, end, str(label)) for (start, end), label in pairs]
        except (ValueError, KeyError, TypeError) as error:
            what = 'is not {"image": ..., "x": [n + 1 columns], "c": [n characters]}'
            raise CorpusError(f"{path}:{number}: {what} ({error}); copy the file again") from error
    return found


def aligned(line: Utterance, intervals: list[Interval], where: Path, notes: Notes) -> Utterance:
    """The line with its tiers, as far as it has them; what it lacks is noted.

    Raises CorpusError if the alignment outlasts the image or runs backwards.
    """
    if intervals and intervals[-1].end > line.ticks + SLACK:
        what = f"{line.id}: ends in column {intervals[-1].end}, but the image has {line.ticks}"
        raise CorpusError(f"{where}: {what}; copy both again")
    clipped = [each._replace(end=min(each.end, line.ticks)) for each in intervals]
    characters = [each for each in clipped if each.label != BLANK]
    alignment = {"character": characters, "word": words(characters, line.text.split())}
    if not characters:
        notes.add("lines without an alignment, so without characters and words", line.id)
    elif not alignment["word"]:
        notes.add("lines whose characters spell something else than the text, so without words", line.id)
    try:
        return replace(line, alignment={tier: found for tier, found in alignment.items() if found})
    except CorpusError as error:
        raise CorpusError(f"{where}: {error}; copy it again") from error


def words(characters: list[Interval], text: list[str]) -> list[Interval]:
    """The words of a text over its characters; none where these spell something else, marks and capitals aside."""
    lasts = list(accumulate(len(bare(each.label)) for each in characters))  # letters up to the end of each character
    if "".join(bare(each.label) for each in characters) != "".join(map(bare, text)):
        return []
    found, position = [], 0
    for word, last in zip(text, accumulate(len(bare(word)) for word in text)):
        end = bisect_right(lasts, last)
        if end == position or lasts[end - 1] != last:  # a word of marks alone, or one that ends within a character
            return []
        found.append(Interval(characters[position].start, characters[end - 1].end, word))
        position = end
    return found


def bare(text: str) -> str:
    """The letters of a text, small and without the marks on them."""
    return "".join(letter for letter in normalize("NFKD", text).casefold() if not category(letter).startswith("M"))


def main(argv: list[str] | None = None) -> None:
    parser = script_parser(__doc__)
    add_speaker_options(parser, default=None, otherwise="the split of lines.tsv, all hands on both sides", who="writer")
    add_only_option(parser)
    args = parser.parse_args(argv)

    rows = list(read_table(args.raw / "lines.tsv", COLUMNS))
    writers = only((row["writer"] for row in rows), args.writers)
    table = args.raw / "char_alignment.jsonl"
    alignments = read_alignments(table) if table.exists() else {}
    notes = Notes()
    splits: dict[str, list[Utterance]] = {split: [] for split in sorted({row["split"] for row in rows})}

    def make(row: dict[str, str]) -> Utterance:
        line = line_image(args.raw / row["image"], speaker=row["writer"], text=row["text"])
        line = aligned(line, alignments.get(row["image"], []), table, notes)
        splits[row["split"]].append(line)
        return line

    lines = collect((row for row in rows if row["writer"] in writers), make, args.strict, args.raw)
    if args.test_writers:
        splits = hold_out(lines, args.test_writers, args.seed, "writer")
    write_corpus(args.output, splits, notes)


if __name__ == "__main__":
    run(main)
