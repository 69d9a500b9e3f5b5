"""Tar shards that others packed: a manifest of the recordings or line images in them, which stay where they are.

python data_prep/webdataset.py shards data/corpus

Origin     any; WebDataset (`webdataset.ShardWriter`), lhotse (`CutSet.to_shar`), `unitdisc shards`, or just `tar`
Licence    that of the corpus
Files      *.tar anywhere in the folder. Files of one name up to its first dot are a sample: KEY.flac with KEY.json and
           KEY.txt. Names with dots of their own (talk 1.0 intro.flac) are told apart as far as recordings have them.
           Texts come from KEY.txt, or from a field of KEY.json called text, transcript, transcription or sentence;
           speakers from one called speaker, speaker_id, spk_id or client_id (other names: --text-field,
           --speaker-field; "meta.reader" is `reader` in `meta`). Shar of lhotse: recording.000000.tar beside
           cuts.000000.jsonl.gz, whose supervisions have the texts and speakers: each is an utterance, of its stretch of
           the recording
Tiers      those of KEY.json, if `unitdisc shards` packed it; those that are aligned in supervisions; otherwise none
"""

from unitdisc.prep.image_folders import linked_folders
from unitdisc.prep.notes import Notes
from unitdisc.prep.scripts import add_speaker_options, run, script_parser, write_corpus
from unitdisc.prep.speakers import hold_out
from unitdisc.prep.tar_folders import SPEAKERS, TEXTS, TarFields, read_tars


def main(argv: list[str] | None = None) -> None:
    parser = script_parser(__doc__)
    parser.add_argument("--text-field", metavar="NAME", help=f"of KEY.json; default: one of {', '.join(TEXTS)}")
    parser.add_argument("--speaker-field", metavar="NAME", help=f"the same; default: one of {', '.join(SPEAKERS)}")
    parser.add_argument("--extension", metavar="EXT", help="of the recording, if samples have several: clean.wav")
    parser.add_argument("--name", default="all", help="of the manifest; default: all")
    add_speaker_options(parser, default=None, otherwise="none")
    args = parser.parse_args(argv)
    notes, extension = Notes(), args.extension.lower().lstrip(".") if args.extension else None
    linked_folders(args.raw)
    found = read_tars(args.raw, TarFields(args.text_field, args.speaker_field, extension), args.strict, notes)
    splits = {args.name: found} if args.test_speakers is None else hold_out(found, args.test_speakers, args.seed)
    write_corpus(args.output, splits, notes)


if __name__ == "__main__":
    run(main)
