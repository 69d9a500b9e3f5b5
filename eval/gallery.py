"""One page that shows many, each as small as a thumbnail.

python eval/gallery.py recipes/gallery/pages.toml exp/gallery

Writes FOLDER/index.html. The list is TOML: of every [[page]], `file` (in FOLDER), `title`, `command` and `about`, a
sentence. Pages that are not there are said, and left out.
"""

import argparse
import sys
import tomllib
from html import escape
from pathlib import Path

from unitdisc.files import write_text
from unitdisc.files.text import read_text

STYLE = """
:root { color-scheme: light dark; --ground: #fff; --ink: #1b1f24; --soft: #5b6672; --line: #d9dee4; --accent: #1f6fc9; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #14171b; --ink: #e4e7eb; --soft: #9aa5b1; --line: #333a42; --accent: #6cb0ff; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2.5rem 1.25rem 5rem; max-width: 78rem; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", "Liberation Sans", sans-serif; }
h1 { margin: 0; font-size: 1.9rem; } h2 { margin: .6rem 0 .1rem; font-size: 1.05rem; }
p { margin: 0; color: var(--soft); font-size: .92rem; } code { font-size: .85em; }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 22rem), 1fr)); gap: 2rem 1.5rem;
  margin-top: 2rem; }
a { color: inherit; text-decoration: none; } a:is(:hover, :focus) h2 { color: var(--accent); }
.thumbnail { display: block; overflow: hidden; width: 100%; aspect-ratio: 4 / 3; border: 1px solid var(--line);
  border-radius: 8px; }
iframe { width: 400%; height: 400%; border: 0; transform: scale(.25); transform-origin: 0 0; pointer-events: none; }
"""
POLICY = "default-src 'none'; frame-src 'self' file:; style-src 'unsafe-inline'"
KEYS = ("file", "title", "command", "about")


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", type=Path, help="NAME.toml: which, and what they are")
    parser.add_argument("folder", type=Path, help="with the pages; index.html is written there")
    args = parser.parse_args(argv)
    listed = read(args.pages)
    there = [page for page in listed if (args.folder / page["file"]).is_file()]
    for page in listed:
        if page not in there:
            path = args.folder / page["file"]
            print(f"{path}: not there, and left out; `{page['command']}` makes it", file=sys.stderr)
    if not there:
        sys.exit(f"error: {args.folder}: none of the pages of {args.pages} is in it; run recipes/gallery/run.sh")
    write_text(args.folder / "index.html", gallery(there))
    print(args.folder / "index.html")


def read(path: Path) -> list[dict[str, str]]:
    """The pages of a list, each with all keys; ends with a sentence that names what is wrong."""
    try:
        found = tomllib.loads(read_text(path)).get("page", [])
    except (OSError, ValueError) as error:
        sys.exit(f"error: {path}: cannot be read ({error})")
    if not isinstance(found, list) or not all(isinstance(page, dict) for page in found):
        sys.exit(f"error: {path}: `page` must be a list of [[page]]")
    for number, page in enumerate(found, 1):
        if missing := [key for key in KEYS if not isinstance(page.get(key), str)]:
            sys.exit(f"error: {path}: page {number} has no {missing[0]!r}; give a text")
    return found


def gallery(pages: list[dict[str, str]]) -> str:
    """The page; what is shown in it runs no scripts and opens by a click."""
    shown = "\n".join(
        f'<article><a href="{page["file"]}"><span class="thumbnail"><iframe src="{page["file"]}" sandbox="" '
        f'tabindex="-1" loading="lazy" title="{page["title"]}" aria-hidden="true"></iframe></span>'
        f"<h2>{page['title']}</h2></a>"
        f"<p>{page['about']} <code>{page['command']}</code></p></article>"
        for page in ({key: escape(page[key]) for key in KEYS} for page in pages)
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>unitdisc: gallery</title>
<style>{STYLE}</style>
</head>
<body>
<header><h1>What unitdisc makes</h1>
<p>Of its built-in speech and handwriting, without labels. Click a picture.</p></header>
<main>
{shown}
</main>
</body>
</html>
"""


if __name__ == "__main__":
    main()
