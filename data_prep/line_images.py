"""Line images of any origin: a folder of them, with what is written on them if that is known.

Origin    whoever cut pages into lines, by hand or with a tool.
Licence   that of the images.
Files     RAW/**/NAME.png     one line of writing each; also jpg, tif, webp, bmp, pgm and the like
          RAW/**/NAME.txt     what is written there, one line in UTF-8; also NAME.gt.txt. For NAME.bin.png too.
          or, instead of text files, one table RAW/lines.tsv (tabs, no quotes) or RAW/lines.csv, whose first line names
          its columns: image (path from RAW), and if known text, writer, split. Every row is one line of the table.
Tiers     none.
Writers   the folder an image is in; or --writer-from name:REGEX, the first group of a pattern found in the path below
          RAW, such as name:'^([a-z]+)-'; or --writer-from none. A column writer comes before these.
Splits    all.jsonl with all lines, or what the column split says. --test-writers 2 holds out writers, and
          --test-share 0.1 lines by chance: train.jsonl and test.jsonl. Equal images stay together, and so do 1.bin.png
          and 1.nrm.png. Images stay where they are.

python data_prep/line_images.py scans/lines data/archive --test-share 0.1
"""

from unitdisc.prep.image_folders import add_naming_options, linked_folders, pictures_of, split_by, whole
from unitdisc.prep.line_folders import read_lines_of
from unitdisc.prep.scripts import run, script_parser, write_corpus


def main(argv: list[str] | None = None) -> None:
    parser = script_parser(__doc__)
    add_naming_options(parser)
    args = parser.parse_args(argv)
    linked_folders(args.raw)
    lines, splits, images = read_lines_of(args.raw, args.writer_from, args.strict)
    listed = {split: [line for line in lines if splits[line.id] == split] for split in sorted(set(splits.values()))}
    if len(listed) == 1 and args.test_writers is None and args.test_share is None:
        write_corpus(args.output, listed)
        return
    shown = pictures_of({line.id: images[line.id] for line in lines})
    write_corpus(args.output, split_by(args, lines, shown) or whole(listed, shown))


if __name__ == "__main__":
    run(main)
