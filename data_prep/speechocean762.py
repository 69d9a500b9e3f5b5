"""speechocean762: English sentences read by speakers of Mandarin, recorded with phones.

Origin    speechocean762 (Zhang et al., Interspeech 2021; OpenSLR 101): the adults of its training part, 48 speakers
          (24 women, 24 men), 39 minutes at 16 kHz, in a set with forced alignments (so762_dev).
Licence   free for commercial and other use, as the README of the corpus says.
Files     utts.tsv      utt, file, speaker, gender, split, duration, text, age, agreement (of the two aligners)
          phones.tsv    utt, start, end, phone: the canonical phones (39 of ARPAbet, SIL), in seconds, without gaps
          words.tsv     utt, start, end, word
          audio/<speaker>/<utt>.flac: so0036/so000360013 is utterance 13 of speaker 36
          The boundaries are automatic: four out of five lie within 20 ms of where a person would put them.
Tiers     phone, word; and any other table of utt, start, end and one column more, which names the tier.
Split     a quarter of the speakers are held out, as many women as men. The split of utts.tsv, which has all speakers on
          both sides, is to be had with --given-split. Recordings stay where they are.

python data_prep/speechocean762.py ../shared/data/so762_dev data/speechocean762 --test-speakers 0.25 --seed 0

--more FOLDER adds another part of the corpus, such as so762_more, to the train set: its utts.tsv needs no split, and
it may have no labels. Its speakers must be others; --more-from-age 18 leaves the children among them out.

--train-hours N takes about so much of the train set, whole speakers, women and men by turns, first of the part with
labels and then of the other. What a number has, all larger ones have too.
"""

from pathlib import Path

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.prep.scripts import add_speaker_options, run, script_parser, write_corpus
from unitdisc.prep.speakers import draw_speakers, hold_out
from unitdisc.prep.tables import read_aligned, read_table

TEST_SHARE = "0.25"  # of the speakers
NEARLY = 0.95  # of the hours that are asked for must be there


def main(argv: list[str] | None = None) -> None:
    parser = script_parser(__doc__)
    add_speaker_options(parser, default=TEST_SHARE)
    parser.add_argument("--given-split", action="store_true", help="the split of utts.tsv: the same speakers in both")
    parser.add_argument("--more", type=Path, help="a folder whose utterances join the train set, without labels, say")
    parser.add_argument("--more-from-age", type=int, metavar="YEARS", help="of --more, only speakers at least so old")
    parser.add_argument("--train-hours", type=float, metavar="HOURS", help="of speech in the train set (default: all)")
    args = parser.parse_args(argv)

    splits = read_aligned(args.raw, args.strict)
    if not args.given_split:
        everyone = [each for split in splits.values() for each in split]
        splits = hold_out(everyone, args.test_speakers, args.seed, default=TEST_SHARE)
    parts = [splits.get("train", [])]
    if args.more:
        parts.append(read_aligned(args.more, args.strict, split="train")["train"])
        if args.more_from_age is not None:
            parts[1] = of_age(parts[1], args.more, args.more_from_age)
        refuse_same_speakers(args.more, parts[1], splits.get("test", []))
    splits["train"] = [each for part in parts for each in part]
    if args.train_hours is not None:
        splits["train"] = first_hours(parts, args.train_hours, args.seed)
    write_corpus(args.output, splits)


def refuse_same_speakers(folder: Path, added: list[Utterance], test: list[Utterance]) -> None:
    if shared := {each.speaker for each in added} & {each.speaker for each in test}:
        raise CorpusError(
            f"{folder}: has speakers of the test set, such as {min(shared)}; take them off its utts.tsv, or choose "
            "another --seed"
        )


def of_age(utterances: list[Utterance], folder: Path, years: int) -> list[Utterance]:
    """Those whose speakers are at least so old. Raises CorpusError if nobody is."""
    ages = {row["utt"]: row["age"] for row in read_table(folder / "utts.tsv", ("utt", "age"))}
    try:
        kept = [each for each in utterances if int(ages[each.id]) >= years]
    except ValueError as error:
        raise CorpusError(f"{folder / 'utts.tsv'}: ages must be whole years: {error}") from error
    if not kept:
        oldest = max(map(int, ages.values()))
        raise CorpusError(f"{folder}: --more-from-age {years} leaves nobody; the oldest is {oldest}")
    return kept


def first_hours(parts: list[list[Utterance]], hours: float, seed: int) -> list[Utterance]:
    """About so many hours, to the nearest whole speaker, women and men by turns, part after part.

    Raises CorpusError if there are far fewer.
    """
    kept: list[Utterance] = []
    for part in parts:
        genders = {each.speaker: each.gender or "" for each in part if each.speaker is not None}
        some: list[Utterance] = []
        for number in range(1, len(genders) + 1):
            chosen = draw_speakers(genders, str(number), seed)
            more = [each for each in part if each.speaker in chosen]
            if abs(hours_of([*kept, *more]) - hours) >= abs(hours_of([*kept, *some]) - hours):
                break
            some = more
        kept += some
    if not 0 < NEARLY * hours <= hours_of(kept):
        raise CorpusError(f"--train-hours {hours:g}: it must be above 0, and there are {hours_of(kept):.2f}")
    return kept


def hours_of(utterances: list[Utterance]) -> float:
    return sum(each.ticks / each.rate for each in utterances) / 3600


if __name__ == "__main__":
    run(main)
