"""eval/item_clusters.py: clusters of whole items against their labels, and how far latents are from their prior."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from unitdisc.corpus import Interval, Utterance
from unitdisc.corpus.manifest import write_manifest
from unitdisc.encodings import Encoding, EncodingsWriter

SCRIPT = str(Path(__file__).parent.parent / "eval" / "item_clusters.py")
COUNT = 80


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """Items of two labels: codes tell them apart, but for the first, and so does what changes along an item."""
    folder, rng = tmp_path_factory.mktemp("clusters"), np.random.default_rng(0)
    for side in ("train", "test"):
        items = [
            Utterance(
                f"{side}{n}", "x.png", "w", 16, height=16, alignment={"character": [Interval(0, 16, "ab"[n % 2])]}
            )
            for n in range(COUNT)
        ]
        write_manifest(folder / f"{side}.jsonl", items)
        for name, point, coded in (("aae", "bottleneck", True), ("pixels", "", False)):
            writer = EncodingsWriter(folder / name / side / point, {"stride": 4, "offset": 2, "point": "bottleneck"})
            for n, item in enumerate(items):
                slope = (-1 if n % 2 else 1) * np.array([1.5, 0.5, -0.5, -1.5])
                latent = rng.standard_normal(2)
                frames = np.stack([np.append(latent, [value, 1.0]) for value in 4 * slope]).astype(np.float32)
                codes = np.full(4, int(n % 2 if n else 1)) if coded else None
                writer.write(Encoding(item.id, 4.0 * np.arange(4) + 2, frames, codes=codes), True)
            writer.finish(None, "")
    return folder


def run(folder: Path, *more: str) -> dict:
    given = [folder / "train.jsonl", folder / "test.jsonl", folder / "aae", folder / "pixels", "--clusters", 2, *more]
    return runpy.run_path(SCRIPT)["main"]([str(each) for each in given])


def test_codes_and_k_means_are_scored_once_for_an_item(made, capsys):
    found = run(made, "--prior", str(made / "aae"), "--width", "2")
    assert found["pixels"]["ami"] == pytest.approx(1.0) and found["pixels"]["used"] == 2
    assert found["aae, codes"]["purity"] == pytest.approx(1 - 1 / COUNT) and 0.8 < found["aae, codes"]["ami"] < 1
    prior = found["aae, prior"]
    assert prior["distance"] < 0.3 and prior["by_chance"] < 0.3  # latents are draws of it
    said = capsys.readouterr().out
    assert "| 80 items, 2 labels |" in said and "| pixels, k-means | 2 | 1.00 | 1.00 | 1.000 |" in said


def test_latents_far_from_the_prior_are_told(made):
    sliced = runpy.run_path(SCRIPT)["sliced"]
    draws = np.random.default_rng(1).standard_normal((500, 3))
    near, shifted, narrow = (
        sliced(each, np.random.default_rng(0)) for each in (draws, draws + np.array([3, 0, 0]), 0.1 * draws)
    )
    assert near < 0.1 and shifted > 1 and narrow == pytest.approx(0.9 * np.sqrt(2 / np.pi), abs=0.06)


def test_a_tier_that_is_not_there_is_named(made):
    with pytest.raises(SystemExit, match=r"train.jsonl: has no labels in the tier 'word'; give --tier"):
        run(made, "--tier", "word")
    with pytest.raises(SystemExit, match="nowhere/test: no such folder"):
        run(made, "--prior", str(made / "nowhere"))


def test_components_are_clustered_too(made, capsys):
    found = run(made, "--components", "1")
    assert found["pixels, components"]["ami"] == found["pixels, components"]["read right"] == pytest.approx(1.0)
    with pytest.raises(SystemExit, match="has no 17 principal components; give fewer --components"):
        run(made, "--components", "17")
