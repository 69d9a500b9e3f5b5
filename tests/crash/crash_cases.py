"""The commands that are killed, on a corpus so tiny that a run takes half a second; and what they begin from."""

import importlib
import pkgutil
import shutil
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path

from killed import Case
from tiny import OPTIONS, as_arguments, line_settings, listed, made, make_corpus, make_lines, settings

import unitdisc
from unitdisc.corpus.manifest import write_manifest

QUICK = ["--device", "cpu"]
CONTEXT = {name: value for name, value in OPTIONS.items() if name.startswith("training.") and "halve" not in name}
CONTEXT |= {"training.steps": 4, "training.checkpoint_every": 2, "training.valid_every": 2, "training.crop": 32}
CONTEXT |= {"encoder.dim": 16, "encoder.layers": 1, "bottleneck.dim": 8}
MASKED, CPC = {"codes.num_codes": 4}, {"objective.steps": 3, "objective.negatives": 4}
FEW = ["--set", "training.batch_size=4", "--set", "training.steps=2", "--set", "features.height=16"]
CRITIC = [*FEW, "--set", "training.crop=32", "--set", "objective.channels=8", "--set", "objective.depth=1"]
CRITIC += ["--set", "training.steps=10", "--set", "training.learning_rate=2e-2", "--set", "training.schedule=constant"]
CRITIC += ["--set", "training.average_decay=0.5"]
GAN = [*FEW, "--set", "objective.columns=256", "--set", "objective.channels=4", "--set", "objective.layers=2"]
SLOW_TO_IMPORT = ("numba", "torch", "torch._dynamo", "scipy.signal", "soundfile", "PIL.Image", "matplotlib.pyplot")


def warm() -> None:
    """Imports all that a run would, so that it does not."""
    for module in pkgutil.walk_packages(unitdisc.__path__, "unitdisc."):
        if module.name != "unitdisc.__main__":
            with suppress(ImportError):  # extras that are not installed
                importlib.import_module(module.name)
    for name in SLOW_TO_IMPORT:
        with suppress(ImportError):
            importlib.import_module(name)


def cases(inputs: Path) -> dict[str, Case]:
    """Name -> command. Makes what they begin from in a folder."""
    corpus = make_corpus(inputs / "corpus", 6)
    plain = inputs / "plain.jsonl"  # of one speaker and without labels, so that no probes are trained
    write_manifest(plain, [replace(each, speaker="s0", gender=None, alignment={}) for each in listed(corpus)])
    lines = make_lines(inputs / "lines", 6)
    experiment, units = inputs / "experiment", inputs / "units"
    short = settings(training__steps=4, training__checkpoint_every=2, training__valid_every=2)
    line_short = line_settings(training__steps=4, training__checkpoint_every=2, training__valid_every=2)
    made("train", "small", corpus, experiment, *QUICK, *short)
    made("features", corpus, inputs / "mfcc")
    made("segment", inputs / "mfcc", corpus, units, "--units-per-second", 10, "--codes", 8, "--threads", 1)
    made("encode", experiment, corpus, inputs / "encodings", *QUICK)
    found = ["--units", 4, "--rate", 8, "--rounds", 1, "--threads", 1, *QUICK]
    for each in ("encoder.dim=8", "encoder.layers=1", "bottleneck.dim=6", "training.steps=2", "training.crop=20"):
        found += ["--set", each]
    found += ["--set", "training.batch_size=2", "--set", "features.vtln=0"]
    words = ["--method", "dp-unigram", "--iterations", 20, "--threads", 1]
    terms = ["--alike", 0.2, "--min-duration", 100, "--min-score", 30, "--window", 50, "--support", 1, "--threads", 1]
    steps = ["--set", "steps=4", "--set", "dim=16", "--set", "layers=1", "--set", "checkpoint_every=2"]
    counted = ["--context", "any", "--bootstrap", 10, "--threads", 1]

    def named(out: Path) -> str:
        there = out / "names.tsv"
        answered = max(0, len(there.read_text().splitlines()) - 1) if there.exists() else 0
        return "a\n" * (4 - answered) + "quit\n"

    def with_experiment(out: Path) -> None:
        shutil.copytree(experiment, out / "experiment")

    return {
        "train": Case(lambda out: ["train", "small", corpus, out / "x", *QUICK, *short]),
        "train lines": Case(lambda out: ["train", "small-handwriting", lines, out / "x", *QUICK, *line_short]),
        "train masked": Case(
            lambda out: ["train", "small-masked", corpus, out / "x", *QUICK, *as_arguments(CONTEXT | MASKED)]
        ),
        "train cpc": Case(lambda out: ["train", "small-cpc", corpus, out / "x", *QUICK, *as_arguments(CONTEXT | CPC)]),
        "train two": Case(lambda out: ["train", "small", corpus, out / "x", *QUICK, *short], processes=2),
        "train two masked": Case(
            lambda out: ["train", "small-masked", corpus, out / "x", *QUICK, *as_arguments(CONTEXT | MASKED)],
            processes=2,
        ),
        "encode": Case(lambda out: ["encode", experiment, corpus, out / "x", *QUICK]),
        "features": Case(lambda out: ["features", corpus, out / "x", "--cache", out / "cache"]),
        "kmeans": Case(
            lambda out: ["kmeans", inputs / "mfcc", out / "k.npy", "--codes", 8, "--passes", 4, "--threads", 1]
        ),
        "phone loop": Case(
            lambda out: [
                "phone-loop",
                inputs / "mfcc",
                out / "l.safetensors",
                "--units",
                3,
                "--passes",
                2,
                "--threads",
                1,
            ]
        ),
        "segment": Case(
            lambda out: (
                ["segment", inputs / "mfcc", corpus, out / "x", "--units-per-second", 10, "--codes", 8, "--threads", 1]
            )
        ),
        "abx": Case(
            lambda out: (
                [
                    "abx",
                    inputs / "mfcc",
                    corpus,
                    "-o",
                    out / "abx.json",
                    "--parts",
                    out / "parts",
                    "--cells",
                    out / "cells.csv",
                    *counted,
                ]
            ),
            alone=False,
        ),
        "shards": Case(lambda out: ["shards", corpus, out / "x", "--max-mb", 0.03]),
        "lm ngram": Case(lambda out: ["lm-train", "ngram", units, out / "x"]),
        "lm lstm": Case(lambda out: ["lm-train", "lstm-small", units, out / "x", *steps, *QUICK]),
        "lm lstm two": Case(lambda out: ["lm-train", "lstm-small", units, out / "x", *steps, *QUICK], processes=2),
        "words": Case(lambda out: ["words", units, corpus, out / "x", *words]),
        "terms": Case(lambda out: ["terms", inputs / "mfcc", corpus, out / "x", *terms]),
        "discover": Case(lambda out: ["discover", "discover-speech", corpus, out / "x", *found]),
        "name": Case(lambda out: ["name", units, corpus, out / "names.tsv"], answers=named),
        "prepare": Case(lambda out: ["prepare", inputs / "corpus", out / "x", "--test-share", 0.3, "--resample", 8000]),
        "report": Case(lambda out: ["report", out / "experiment", plain, *QUICK], begin=with_experiment),
        "export": Case(lambda out: ["export", units, corpus, out / "x"]),
    } | more_cases(inputs, corpus, lines, experiment=experiment, units=units)


def more_cases(inputs: Path, corpus: Path, lines: Path, *, experiment: Path, units: Path) -> dict[str, Case]:
    """Those that need more, which is made when they are first run."""

    def once(*arguments: object, at: str) -> Path:
        if not (inputs / at).exists():
            made(*arguments)
        return inputs / at

    @cache
    def lm() -> Path:
        return once("lm-train", "ngram", inputs / "encodings" / "bottleneck", inputs / "lm", at="lm")

    @cache
    def restorer() -> Path:
        return once("train", "restore-handwriting", lines, inputs / "restorer", *QUICK, *CRITIC, at="restorer")

    @cache
    def gan() -> Path:
        return once("train", "gan-handwriting", lines, inputs / "gan", *QUICK, *GAN, at="gan")

    @cache
    def whole() -> Path:
        short = ["--set", "bottleneck.dim=4", "--set", "training.crop=0", *FEW]
        return once("train", "vae-characters", lines, inputs / "whole", *QUICK, *short, at="whole")

    @cache
    def converter() -> Path:
        tiny = ["--set", "features.bins=16", "--set", "objective.channels=4", "--set", "objective.depth=1"]
        tiny += ["--set", "objective.critic_channels=4", "--set", "training.crop=32"]
        tiny += ["--set", "training.batch_size=4", "--set", "training.steps=2"]
        return once("train", "convert-speech", corpus, inputs / "converter", *QUICK, *tiny, at="converter")

    mfcc, condition = inputs / "mfcc", inputs / "encodings" / "condition"
    first, last = (listed(lines)[place].id for place in (0, -1))
    query = ["--query", "u00", "--from", 0, "--to", 0.35]
    probed = ["--reader", "linear", "--task", "labels"]
    return {
        "align": Case(
            lambda out: ["align", lines, "-o", out / "x", "--tier", "found", "--epochs", 1, "--recurrent", 8]
        ),
        "templates": Case(
            lambda out: ["templates", mfcc, corpus, out / "t.safetensors", "--units", 4, "--passes", 2, "--threads", 1]
        ),
        "normalise": Case(lambda out: ["normalise", mfcc, corpus, out / "x", "--steps", "standardise:speaker,whiten"]),
        "sample": Case(lambda out: ["sample", experiment, lm(), out / "x", "--samples", 2, *QUICK]),
        "resynthesise": Case(lambda out: ["resynthesise", experiment, corpus, out / "x", "--limit", 2, *QUICK]),
        "probe": Case(lambda out: ["probe", condition, corpus, *probed, "-o", out / "probe.json"], alone=False),
        "find": Case(
            lambda out: [
                *("find", mfcc, corpus, *query, "--index", out / "index", "-o", out / "found.json"),
                *("--page", out / "page" / "hits.html"),
            ]
        ),
        "generate": Case(lambda out: ["generate", gan(), out / "x", "--number", 3, *QUICK]),
        "morph": Case(lambda out: ["morph", whole(), lines, out / "x", "--from", first, "--to", last, *QUICK]),
        "restore": Case(lambda out: ["restore", restorer(), lines, out / "x", *QUICK]),
        "convert": Case(lambda out: ["convert", converter(), corpus, out / "x", "--speaker", "s1", *QUICK]),
        "card": Case(lambda out: ["card", experiment, out / "x"]),
        "lm sample": Case(
            lambda out: ["lm-sample", lm(), out / "sampled.jsonl", "--sequences", 3, *QUICK], alone=False
        ),
        "outliers": Case(lambda out: ["outliers", experiment, corpus, out / "x", *QUICK]),
        "likelihood": Case(
            lambda out: ["likelihood", experiment, corpus, "-o", out / "bits.json", *QUICK], alone=False
        ),
        "robustness": Case(
            lambda out: ["robustness", experiment, corpus, "-o", out / "r.json", "--limit", 2, "--steps", 2, *QUICK],
            alone=False,
        ),
        "score": Case(lambda out: ["score", units, corpus, "-o", out / "scores.json"], alone=False),
    }
