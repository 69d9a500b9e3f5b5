"""All that `recipes/generators/page.sh` made, on one page: a table of models for each kind of item, and what they make.

python eval/generators_page.py exp/page

Reads, of every folder in it: made.json (`eval/generated.py`), clusters.json (`eval/item_clusters.py`), bits/MODEL.json
(`unitdisc likelihood`), seconds/MODEL, made/MODEL (`unitdisc generate`), shown/MODEL and between/MODEL (`unitdisc
morph`), nearest.png; of the folder jobs, what other recipes made (see generators_jobs.py); writes index.html beside.
What is not there is an empty cell. Prints the tables.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from generators_jobs import Job, jobs_in, seconds_in
from markdown_tables import print_table
from static_page import static_page

from unitdisc.files import write_text
from unitdisc.files.made_of import facts_in
from unitdisc.reports.boxes import data_uri

MODELS = {  # in the order of the page
    "learned from": "real items that models learned from",
    "k-means": "of pixels, or frames",
    "components": "16 principal components of them",
    "mixture": "50 Gaussians of principal components of pixels",
    "autoencoder": "plain",
    "sparse": "4 of 64 numbers of a frame are not 0",
    "denoising": "a quarter of what it reads was taken away",
    "adversarial": "autoencoder whose latents a critic pulls to a prior",
    "vae": "Gaussian latents of whole items",
    "vae-prior": "the same, a flow as prior",
    "vae-pixelcnn": "the same, PixelCNN as decoder",
    "vae-flow": "the same, a flow as decoder",
    "vae-diffusion": "the same, diffusion as decoder",
    "plane": "the same, of two numbers",
    "conditional": "the same, told the label",
    "gan": "generator and critic",
    "style": "the same, a style told to every layer (StyleGAN)",
    "infogan": "and a category that is read back",
    "bigan": "and an encoder that inverts it",
}
HEADS = ("CPU s", "precision", "recall", "Fréchet", "distance", "label shares", "as told", "bits", "with latents")
HEADS += ("AMI", "purity", "AMI of codes", "read right", "ABX", "off the prior")
BETWEEN = ("ways that lean to their end ever more, %", "of the movement, backwards, %", "bits above the unlikelier end")
HEARD = 4  # items of a model
STYLE = """
section { margin-top: 3rem; } h2 { margin: 0 0 .6rem; } h3 { margin: 1.4rem 0 .2rem; font-size: 1.05rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .9rem; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
img { display: block; max-width: 100%; background: #fff; border-radius: 4px; image-rendering: pixelated;
  margin-top: .3rem; }
.models { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 22rem), 1fr)); gap: 1rem 1.5rem; }
.models img { width: 100%; } audio { height: 2rem; width: 10.5rem; margin: .3rem .3rem 0 0; }
"""
ABOUT = (
    "Every model was trained by one command on the same items, in minutes of one processor core, and is judged on "
    "people it never saw. Precision, recall and Fréchet distance are in the frames of an encoder that learned true "
    "labels: figures of other encoders are others. Distance: to the nearest real item learned from, over that of "
    "held-out ones; far below 1 it was copied. Bits: for a pixel or mel bin of held-out items, given their latents, "
    "and with what these cost, at most. AMI and purity: of held-out items in ten clusters of k-means, or by the codes "
    "that a model has, against true labels; read right: by a linear reader of latents that learned from true labels; "
    "ABX: error across people, of latents. Off the prior: of held-out latents, in deviations."
)
OF_JOBS = (
    "Jobs of the same kinds of models, done by recipes of their own in fewer steps than there, on writers and speakers "
    "that nothing learned from; beside each the simplest way to do it. Lines are the built-in handwriting."
)


class Signal(NamedTuple):
    """One folder: figures of every model, by head; ways between items, by model; and where pictures are."""

    folder: Path
    figures: dict[str, dict[str, float]]
    between: dict[str, list[float]]


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="with a folder for every kind of item")
    folder = parser.parse_args(argv).folder
    try:
        signals = [read(each) for each in sorted(folder.glob("*/")) if (each / "made.json").exists()]
        if not signals:
            sys.exit(f"error: {folder}: no folder in it has a made.json; run recipes/generators/page.sh")
        for signal in signals:
            print(f"\n{signal.folder.name}\n")
            print_table(["", *HEADS], rows_of(signal))
            print()
            print_table(["", *BETWEEN], between_of(signal))
        jobs = jobs_in(folder / "jobs")
        for job in jobs:
            print(f"\n{job.title}{'' if job.seconds is None else f', {job.seconds:.0f} CPU s'}\n")
            print_table(["", *job.heads], job.rows)
        page = static_page(
            "Models that make items, side by side",
            ABOUT,
            main="\n".join([*map(section, signals), section_of_jobs(jobs)]),
            style=STYLE,
            policy="img-src data:; media-src data:",
        )
        write_text(folder / "index.html", page)
    except (ValueError, OSError) as error:  # every error of ours says what is wrong with which file
        sys.exit(f"error: {error}")
    print(f"\n{folder / 'index.html'}")


def read(folder: Path) -> Signal:
    """Raises ValueError for a file that is damaged."""
    figures: dict[str, dict[str, float]] = {name: {} for name in MODELS}

    def add(name: str, found: dict[str, Any], heads: dict[str, str]) -> None:
        figures.setdefault(name, {}).update({heads[key]: found[key] for key in heads if key in found})

    for path, found in (facts_in(folder / "made.json") or {}).items():
        heads = {"frechet": "Fréchet"} | {
            key: key for key in ("precision", "recall", "distance", "label shares", "as told")
        }
        add(Path(path).name, found, heads)
    for name, found in (facts_in(folder / "clusters.json") or {}).items():
        name, _, kind = name.partition(", ")
        heads = {"ami": "AMI", "purity": "purity", "read right": "read right"}
        heads = {"codes": {"ami": "AMI of codes"}, "prior": {"distance": "off the prior"}}.get(kind, heads)
        if kind != "components" or name == "k-means":  # which stands for frames as they are
            add("components" if kind == "components" else name, found, heads)
    for path in sorted((folder / "abx").glob("*.json")):
        add(path.stem, facts_in(path)["abx"].get("across", {}), {"error": "ABX"})
    for path in sorted((folder / "bits").glob("*.json")):
        found = facts_in(path)
        bounds = found.get("bits_with_latents") or {}
        tightest = {"with": bounds[max(bounds, key=int)]} if bounds else {}
        add(path.stem, found | tightest, {"bits": "bits", "with": "with latents"})
    for path in sorted((folder / "seconds").glob("*")):
        if path.suffix != ".begun":
            figures.setdefault(path.name, {})["CPU s"] = seconds_in(path)
    between = {}
    for path in sorted((folder / "between").glob("*/morph.json")):
        found = facts_in(path)
        if None not in (some := [found.get(name) for name in ("monotone", "backwards", "hump")]):  # of labels, judged
            between[path.parent.name] = [100 * some[0], 100 * some[1], some[2]]
    if strange := sorted(figures.keys() - {*MODELS, "judge"}):
        print(f"{folder}: {', '.join(strange)}: not on the page, which knows no such models", file=sys.stderr)
    return Signal(folder, figures, between)


def rows_of(signal: Signal) -> Iterable[list[str]]:
    for name in MODELS:
        if figures := signal.figures[name]:
            yield [name, *(shown(head, figures.get(head)) for head in HEADS)]


def between_of(signal: Signal) -> Iterable[list[str]]:
    for name, (monotone, backwards, hump) in signal.between.items():
        yield [name, f"{monotone:.0f}", f"{backwards:.1f}", f"{hump:+.3f}"]


def shown(head: str, figure: float | None) -> str:
    if figure is None:
        return ""
    return f"{figure:.0f}" if head == "CPU s" else f"{figure:.1f}" if head == "Fréchet" else f"{figure:.3f}"


def section(signal: Signal) -> str:
    """HTML: the tables of one kind of item, and what every model makes."""
    parts = [f"<section><h2>{escape(signal.folder.name)}</h2>", table(["", *HEADS], rows_of(signal))]
    parts.append('<div class="models">')
    for name in MODELS:
        if made := picture(signal.folder / "made" / name / "sheet.png"):
            heard = sounds(signal.folder / "made" / name)
            parts.append(f"<article><h3>{escape(name)}</h3><p>{escape(MODELS[name])}</p>{made}{heard}</article>")
    parts.append("</div>")
    if signal.between:
        parts += ["<h3>between two items</h3>", table(["", *BETWEEN], between_of(signal))]
    for name in signal.between:
        if strip := picture(signal.folder / "shown" / name / "strip.png"):
            parts.append(f"<p>{escape(name)}: six pairs of held-out items, read again at both ends</p>{strip}")
    if plane := picture(signal.folder / "made-plane/sheet.png"):
        parts.append(f"<h3>a plane of latents: every twelfth of each of its two numbers</h3>{plane}")
    if nearest := picture(signal.folder / "nearest.png"):
        parts.append(f"<h3>what was made, and below it the nearest item that was learned from</h3>{nearest}")
    return "\n".join([*parts, "</section>"])


def section_of_jobs(jobs: Sequence[Job]) -> str:
    """HTML: a table of each, pictures and sounds."""
    if not jobs:
        return ""
    return "\n".join(
        ["<section><h2>What else such models do</h2>", f"<p>{OF_JOBS}</p>", *map(article, jobs), "</section>"]
    )


def article(job: Job) -> str:
    took = "" if job.seconds is None else f" {job.seconds:.0f} CPU seconds, all in all."
    parts = [f"<article><h3>{escape(job.title)}</h3><p>{escape(job.about + took)}</p>"]
    parts.append(table(["", *job.heads], job.rows))
    parts.append(job.figure)
    if job.picture is not None:
        parts.append(picture(job.picture, job.title))
    for way, files in job.heard.items():
        if files:
            parts.append(f"<p>{escape(way)}</p>{''.join(map(player, files))}")
    return "\n".join([*parts, "</article>"])


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(head)}</th>" for head in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="wide"><table><tr>{top}</tr>{body}</table></div>'


def picture(path: Path, of: str = "") -> str:
    if not path.exists():
        return ""
    return f'<img alt="{escape(of or path.parent.name)}" src="{data_uri("image/png", path.read_bytes())}">'


def sounds(folder: Path) -> str:
    """Players of some of the recordings of a model, evenly chosen."""
    files = sorted(folder.glob("*.wav"))
    chosen = [files[place * len(files) // HEARD] for place in range(min(HEARD, len(files)))]
    return "".join(map(player, chosen))


def player(path: Path) -> str:
    return f'<audio controls src="{data_uri("audio/wav", path.read_bytes())}"></audio>'


if __name__ == "__main__":
    main()
