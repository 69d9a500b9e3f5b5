"""One page that shows many, each as small as a thumbnail: what `recipes/gallery/run.sh` has made, as FOLDER/index.html.

python eval/gallery.py exp/gallery

Pages that are not there are said, and left out.
"""

import argparse
import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

from static_page import static_page

from unitdisc.files import write_text

STYLE = """
h2 { margin: .6rem 0 .1rem; font-size: 1.05rem; }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 22rem), 1fr)); gap: 2rem 1.5rem;
  margin-top: 2rem; }
a { color: inherit; text-decoration: none; } a:is(:hover, :focus) h2 { color: var(--accent); }
.thumbnail { display: block; overflow: hidden; width: 100%; aspect-ratio: 4 / 3; border: 1px solid var(--line);
  border-radius: 8px; }
iframe { width: 400%; height: 400%; border: 0; transform: scale(.25); transform-origin: 0 0; pointer-events: none; }
"""
POLICY = "frame-src 'self' file:"


class Page(NamedTuple):
    file: str  # in the folder
    title: str
    command: str  # that makes it
    about: str


PAGES = (
    Page(
        "pages/report-speech.html",
        "What an autoencoder finds in speech",
        "unitdisc report",
        "Scores at four points, units to hear, utterances said again in other voices, curves of training.",
    ),
    Page(
        "pages/report-handwriting.html",
        "... and in handwriting",
        "unitdisc report",
        "The same of lines: units to see, lines written again in other hands, and gone on with.",
    ),
    Page(
        "pages/units-speech.html",
        "Units to hear",
        "unitdisc show",
        "The most used units, each said by several speakers, and utterances cut into them.",
    ),
    Page(
        "pages/units-handwriting.html",
        "Units as wide as characters",
        "unitdisc discover, show",
        "Mean image and spread of every unit, examples by several hands, and lines cut into named pieces.",
    ),
    Page(
        "pages/words-of-phones.html",
        "Words, of the true phones",
        "unitdisc words, show",
        "What a Bayesian segmentation makes of phones without spaces: a lexicon, and what follows what.",
    ),
    Page(
        "pages/words-of-units.html",
        "Words, of units",
        "unitdisc words, show",
        "The same of units that were found: much harder. Listen to three types, and judge.",
    ),
    Page(
        "pages/terms.html",
        "What recurs",
        "unitdisc terms, show",
        "Stretches that are said more than once, found without cutting everything.",
    ),
    Page(
        "pages/new-writing.html",
        "New writing",
        "unitdisc lm-train, sample",
        "Lines of which the beginning was given, gone on with by a language model of units.",
    ),
    Page(
        "pages/outliers.html",
        "What does not fit",
        "unitdisc outliers",
        "Lines and stretches that the model finds unlikely.",
    ),
    Page(
        "pages/explore-speech/index.html",
        "Speech to look around in",
        "unitdisc explore --static",
        "Utterances on a time line, pages of units, a map of units.",
    ),
    Page(
        "pages/explore-handwriting/index.html",
        "Lines to look around in",
        "unitdisc explore --static",
        "The same of handwriting.",
    ),
)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="with the pages; index.html is written there")
    folder = parser.parse_args(argv).folder
    there = [page for page in PAGES if (folder / page.file).is_file()]
    for page in PAGES:
        if page not in there:
            print(f"{folder / page.file}: not there, and left out; `{page.command}` makes it", file=sys.stderr)
    if not there:
        sys.exit(f"error: {folder}: none of the pages is in it; run recipes/gallery/run.sh")
    write_text(folder / "index.html", gallery(there))
    print(folder / "index.html")


def gallery(pages: Sequence[Page]) -> str:
    """The page; what is shown in it opens by a click."""
    shown = "\n".join(
        f'<article><a href="{page.file}"><span class="thumbnail"><iframe src="{page.file}" tabindex="-1" '
        f'loading="lazy" title="{page.title}" aria-hidden="true"></iframe></span><h2>{page.title}</h2></a>'
        f"<p>{page.about} <code>{page.command}</code></p></article>"
        for page in (Page(*map(escape, page)) for page in pages)
    )
    about = "Of its built-in speech and handwriting, without labels. Click a picture."
    return static_page("What unitdisc makes", about, main=shown, style=STYLE, policy=POLICY)


if __name__ == "__main__":
    main()
