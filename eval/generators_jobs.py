"""What models that generate are for, each job beside the simplest way to do it: the second half of the page.

`recipes/generators/page.sh` has other recipes do these jobs in fewer steps, in a folder each, and
`eval/generators_page.py` shows what is there.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from resyntheses import strip, under_each_other

from unitdisc.corpus.read import read_corpus
from unitdisc.files.made_of import facts_in
from unitdisc.files.text import read_lines, read_text, read_tsv
from unitdisc.media.image import read_line, write_image
from unitdisc.reports.figures import COLOURS, style, svg

HEARD = 3  # recordings of a way
SHOWN = 8  # lines that are suspected
SIZE = (4.6, 2.6)  # of a figure, in inches


class Job(NamedTuple):
    """A table whose first column names ways to do the job, with pictures of it, and recordings by way."""

    title: str
    about: str
    heads: Sequence[str]
    rows: list[list[str]]
    picture: Path | None = None  # PNG
    heard: Mapping[str, Sequence[Path]] = {}
    figure: str = ""  # SVG
    seconds: float | None = None  # of the processor, which all jobs of a recipe took


def jobs_in(folder: Path) -> list[Job]:
    """Those that were done. Raises ValueError for a file that is damaged."""
    found = []
    for name, read in READERS.items():
        seconds = seconds_in(path) if (path := folder / "seconds" / name).exists() else None
        found += [job._replace(seconds=seconds) for job in read(folder / name)]
    return found


def seconds_in(path: Path) -> float:
    """Raises ValueError if a file holds no number."""
    try:
        return float(read_text(path))
    except ValueError as error:
        raise ValueError(f"{path}: holds no number of seconds; remove it") from error


def restored(folder: Path) -> Iterable[Job]:
    names = {"damaged": "damaged", "median": "median of 3 x 3 pixels", "binarised": "divided by paper, thresholded"}
    names |= {"bicubic": "bicubic interpolation", "plain": "restored", "critic": "restored, with a critic"}
    names |= {"perceptual": "restored, with a perceptual loss", "clean": "clean"}
    said = {"stains": "Stained lines made whole", "coarse": "Lines at a third of the resolution made fine"}
    for damage, title in said.items():
        if found := facts_in(folder / f"{damage}.json"):
            rows = [
                [says, f"{row['PSNR']:.2f}" if name != "clean" else "", f"{row['SSIM']:.3f}", percent(row["CER"])]
                for name, says in names.items()
                if (row := found.get(name))
            ]
            about = "Of writers that nothing learned from; read by one who learned from clean lines of others."
            yield Job(title, about, ("PSNR, dB", "SSIM", "CER, %"), rows, existing(folder / f"{damage}.png"))


def in_other_hands(folder: Path) -> Iterable[Job]:
    names = {"units": "by units, and a decoder", "convert": "converted"}
    rows, real = [], None
    for name, says in names.items():
        images = folder / "made" / "learned/test" / name / "images"
        if hands := facts_in(images.with_name("images-hands.json")):
            read = only(facts_in(images.with_name("images-read.json")))
            real = real or ["real lines", "", percent(hands["originals_told"]), percent(read["real"])]
            rows.append([says, percent(hands["asked_for"]), percent(hands["of_original"]), percent(read["CER"])])
    images = folder / "made/texture/images"
    if hands := facts_in(images.with_name("images-hands.json")):
        read = only(facts_in(images.with_name("images-read.json")))
        says = f"in its texture, {read['utterances']} of them"
        rows.append([says, percent(hands["asked_for"]), percent(hands["of_original"]), percent(read["CER"])])
    if rows:
        about = "Lines by writers that nothing learned from, for three others: taken for theirs, or still for the own."
        picture = existing(folder / "made/learned/test/convert/lines.png")
        yield Job(
            "Lines in another hand", about, ("taken for theirs, %", "the own, %", "CER, %"), [real, *rows], picture
        )


def in_other_voices(folder: Path) -> Iterable[Job]:
    names = {"again": "made heard again", "shifted": "mean and variance of the voice", "convert": "converted"}
    for part in sorted(folder.glob("*/")):
        rows, heard = [], {}
        for name, says in names.items():
            if voices := facts_in(part / f"{name}.json"):
                figures = [voices["asked_for"], probed(part / "probes" / f"{name}-speaker-frames.json")]
                figures += [voices["of_original"], probed(part / "probes" / f"{name}-labels.json")]
                rows.append([says, *map(percent, figures)])
                heard[says] = chosen((part / "made" / name).glob("*.wav"))
        if rows:
            told = probed(part / "probes/held-labels.json")
            rows.insert(0, ["real recordings", "", "", "", percent(told)])
            about = "Utterances by speakers that nothing learned from, for voices that were learned."
            heads = ("taken for theirs, %", "of frames, %", "the own, %", "labels right, %")
            yield Job(f"Utterances in another voice ({part.name})", about, heads, rows, heard=heard)


def vocoded(folder: Path) -> Iterable[Job]:
    for part in sorted(folder.glob("*/")):
        found, heard, rows = facts_in(part / "made.json") or {}, {}, []
        real = probed(part / "frames/real.json")
        if found and real is not None:
            rows.append(["real recordings", "", "0", "0", percent(1 - real), ""])
        for path, row in found.items():
            name, minutes = Path(path).name, Path(path).parent.name
            right = probed(part / "frames" / f"{name}-{minutes}.json")
            bits = facts_in(part / "bits" / f"{name}-{minutes}.json") or {}
            told = f"{'≤ ' if bits.get('bound') else ''}{bits['bits']:.2f}" if bits else ""
            speed = only(facts_in(part / "speed" / f"{name}-{minutes}.json")).get("x real time")
            says = name if minutes == "0" else f"{name}, trained"
            wrong = None if right is None else 1 - right
            rows.append(
                [
                    says,
                    told,
                    f"{row['dB']:.2f}",
                    f"{row['periodicity']:.3f}",
                    percent(wrong),
                    f"{speed:.1f}" if speed else "",
                ]
            )
            heard[says] = chosen((part / "made" / minutes / name).glob("*.wav"))
        if rows:
            about = (
                "Recordings made again of their log-mel frames: how far spectra and periods are off, and labels read."
            )
            heads = ("bits of a sample", "dB", "periodicity", "labels wrong, %", "x real time")
            yield Job(f"Vocoders ({part.name})", about, heads, rows, heard=heard)


def drawn(folder: Path) -> Iterable[Job]:
    for signal in sorted(folder.glob("*/")):
        rows, by_kind = [], {Path(path).name: row for path, row in (facts_in(signal / "again.json") or {}).items()}
        for kind, row in by_kind.items():
            bits = facts_in(signal / "bits" / f"{kind}-units.json") or {}
            said = f"{'≤ ' if bits.get('bound') else ''}{bits['bits']:.3f}" if bits else ""
            says = "the lines, as decoders are shown them" if kind == "as-shown" else kind
            rows.append([says, said, percent(row.get("CER")), f"{row['ink']:.2f}" if "ink" in row else ""])
        for path, row in (facts_in(signal / "steps.json") or {}).items():
            kind, sampler, steps = Path(path).name.rsplit("-", 2)
            says = f"{kind}, {sampler} of {int(steps)} steps, {row['utterances']} lines"
            rows.append([says, "", percent(row.get("CER")), f"{row['ink']:.2f}" if "ink" in row else ""])
        if rows:
            about = "Test lines drawn again of their units: bits of a pixel, what a reader gets wrong, and how dark."
            heads = ("bits", "CER, %", "ink, of real")
            yield Job(
                f"Decoders under units ({signal.name})", about, heads, rows, picture=existing(signal / "again.png")
            )


def outlying(folder: Path) -> Iterable[Job]:
    for part in sorted(folder.glob("*/")):
        if not (found := facts_in(part / "table.json")):
            continue
        kinds = list(found["largest"])
        names = {"largest": "unitdisc outliers", "distance": "distance to codes of k-means"}
        names |= {"mean": "nearer to another speaker", "largest of these": "largest of these two, and of stretches"}
        rows = [
            [says, *(f"{found[name][kind]:.1f}" for kind in kinds), f"{np.mean([*found[name].values()]):.1f}"]
            for name, says in names.items()
            if name in found
        ]
        about = "Planted faults among utterances without: area under the ROC curve, in %. Below: the most suspicious."
        yield Job(f"Faults in a corpus ({part.name})", about, (*kinds, "mean"), rows, suspects(part))


def suspects(folder: Path) -> Path | None:
    """Writes a picture of the most suspicious lines, each with the fault that it has; None of recordings."""
    listed = read_lines(folder / "outliers/outliers.jsonl")
    ids = [json.loads(line.text)["id"] for _, line in zip(range(SHOWN), listed)]
    lines = {line.id: line for line in read_corpus(folder / "corpus.jsonl") if line.is_image}
    faults = {row.cells["id"]: row.cells["fault"] for row in read_tsv(folder / "faults.tsv", ("id", "fault"))}
    rows = [[strip(faults[id], read_line(lines[id]))] for id in ids if id in lines]
    if not rows:
        return None
    write_image(folder / "suspects.png", under_each_other(rows))
    return folder / "suspects.png"


def changed(folder: Path) -> Iterable[Job]:
    rows, curves = [], {}
    for path in sorted(folder.glob("*.json")):
        found = facts_in(path)
        for what, says in {"units": "units that turn", "labels": "labels read right"}.items():
            for how, named in {"by_lot": "changes by lot", "adversarial": "adversarial changes"}.items():
                if sizes := found.get(what):
                    name = f"{says}, {named}; trained {path.stem}"
                    rows.append([name, *(percent(row[how]) for row in sizes)])
                    curves[name] = [(row["size"], 100 * row[how]) for row in sizes] if what == "units" else []
    if rows:
        heads = [f"{size:g}" for size in (row["size"] for row in found["units"])]
        about = "The largest change of any value, in deviations, and what it does: to units, and to what is read, in %."
        yield Job("Adversarial changes", about, heads, rows, figure=figure(curves))


def figure(curves: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Lines over the size of the change."""
    with style():
        drawn_in = Figure(figsize=SIZE, layout="constrained")
        axes = drawn_in.add_subplot(xlabel="largest change, deviations", ylabel="units that turn, %", xscale="log")
        for colour, (name, points) in zip(COLOURS, ((name, some) for name, some in curves.items() if some)):
            axes.plot(*zip(*points, strict=True), color=colour, label=name.partition(", ")[2], marker="o", markersize=3)
        axes.legend(fontsize=7)
        return str(svg(drawn_in, "units that turn against the size of the change"))


def percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}"


def only(found: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """What a file has under its only name."""
    return next(iter(found.values())) if found else {}


def probed(path: Path) -> float | None:
    """The accuracy in a file of `unitdisc probe`."""
    found = facts_in(path)
    return None if found is None else only(found["probes"])["accuracy"]


def existing(path: Path) -> Path | None:
    return path if path.exists() else None


def chosen(files: Iterable[Path]) -> list[Path]:
    """Some, evenly."""
    files = sorted(files)
    return [files[place * len(files) // HEARD] for place in range(min(HEARD, len(files)))]


READERS: Mapping[str, Callable[[Path], Iterable[Job]]] = {  # of folders, in the order of the page
    "restoration": restored,
    "conversion": in_other_hands,
    "voices": in_other_voices,
    "vocoder": vocoded,
    "decoders": drawn,
    "outliers": outlying,
    "changes": changed,
}
