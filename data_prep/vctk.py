"""VCTK: native speakers of English in a studio.

Origin    CSTR VCTK (Veaux, Yamagishi and MacDonald, University of Edinburgh), a small part of it with forced
          alignments (vctk_mini): 552 utterances of 15 speakers, 25 minutes, 16 kHz; 492 of them are of one woman, p239.
Licence   ODC-By 1.0 (version 0.80) and CC BY 4.0 (version 0.92).
Files     utts.tsv      utt, file, speaker, gender, split, duration, text, agreement (of the two aligners), source
          phones.tsv    utt, start, end, phone: 39 phones of ARPAbet and SIL, in seconds, without gaps
          audio/<speaker>/<utt>.flac: p225/p225_001 is sentence 1 of speaker 225
          The boundaries are automatic: four out of five lie within 20 ms of where a person would put them.
Tiers     phone; and any other table of utt, start, end and one column more, which names the tier.
Split     that of utts.tsv: 85 % of p239 to train, the rest of her and all others to test. Speakers of your choice
          can be held out with --test-speakers. Recordings stay where they are.

python data_prep/vctk.py ../shared/data/vctk_mini data/vctk
"""

from unitdisc.prep.scripts import add_speaker_options, run, script_parser, write_corpus
from unitdisc.prep.speakers import hold_out
from unitdisc.prep.tables import read_aligned


def main(argv: list[str] | None = None) -> None:
    parser = script_parser(__doc__)
    add_speaker_options(parser, default=None, otherwise="the split of utts.tsv")
    args = parser.parse_args(argv)

    splits = read_aligned(args.raw, args.strict)
    if args.test_speakers:
        splits = hold_out([each for split in splits.values() for each in split], args.test_speakers, args.seed)
    write_corpus(args.output, splits)


if __name__ == "__main__":
    run(main)
