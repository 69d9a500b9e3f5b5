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
it may have no labels. Its speakers must be others.
"""

from pathlib import Path

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.prep.scripts import add_speaker_options, run, script_parser, write_corpus
from unitdisc.prep.speakers import hold_out
from unitdisc.prep.tables import read_aligned

TEST_SHARE = "0.25"  # of the speakers


def main(argv: list[str] | None = None) -> None:
    parser = script_parser(__doc__)
    add_speaker_options(parser, default=TEST_SHARE)
    parser.add_argument("--given-split", action="store_true", help="the split of utts.tsv: the same speakers in both")
    parser.add_argument("--more", type=Path, help="a folder whose utterances join the train set, without labels, say")
    args = parser.parse_args(argv)

    splits = read_aligned(args.raw, args.strict)
    if not args.given_split:
        everyone = [each for split in splits.values() for each in split]
        splits = hold_out(everyone, args.test_speakers, args.seed, default=TEST_SHARE)
    if args.more:
        added = read_aligned(args.more, args.strict, split="train")["train"]
        refuse_same_speakers(args.more, added, splits.get("test", []))
        splits["train"] = [*splits.get("train", []), *added]
    write_corpus(args.output, splits)


def refuse_same_speakers(folder: Path, added: list[Utterance], test: list[Utterance]) -> None:
    if shared := {each.speaker for each in added} & {each.speaker for each in test}:
        raise CorpusError(
            f"{folder}: has speakers of the test set, such as {min(shared)}; take them off its utts.tsv, or choose "
            "another --seed"
        )


if __name__ == "__main__":
    run(main)
