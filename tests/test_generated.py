"""How good made items are: against closed forms on Gaussians and against brute force; the scripts that tell it."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from scipy.linalg import sqrtm
from tiny import made

from unitdisc.corpus import Interval, Utterance
from unitdisc.corpus.manifest import write_manifest
from unitdisc.corpus.read import read_corpus
from unitdisc.evaluation import UnscorableError
from unitdisc.evaluation.generated import frechet_distance, made_scores, nearest, precision_and_recall
from unitdisc.media.image import read_line, write_image
from unitdisc.media.sheets import sheet

ROOT = Path(__file__).parent.parent
RNG = np.random.default_rng(0)


def with_moments(mean: np.ndarray, covariance: np.ndarray, number: int = 40) -> np.ndarray:
    """Items whose mean and covariance are exactly these: [number, D]."""
    items = RNG.standard_normal((number, len(mean)))
    items -= items.mean(0)
    root = np.linalg.cholesky(np.linalg.inv(np.cov(items, rowvar=False)))
    return mean + items @ root @ np.linalg.cholesky(covariance).T


def test_frechet_distance_of_gaussians():
    mean, deviations = np.array([1.0, -2, 0.5]), [np.array([1.0, 2, 3]), np.array([2.0, 0.5, 3])]
    real, other = with_moments(0 * mean, np.diag(deviations[0] ** 2)), with_moments(mean, np.diag(deviations[1] ** 2))
    expected = np.square(mean).sum() + np.square(deviations[0] - deviations[1]).sum()
    assert frechet_distance(real, other) == pytest.approx(expected, rel=1e-9)
    factors = RNG.standard_normal((2, 3, 3))
    covariances = [factor @ factor.T + np.eye(3) for factor in factors]  # which do not commute
    real, other = with_moments(0 * mean, covariances[0]), with_moments(mean, covariances[1])
    shared = np.trace(sqrtm(covariances[0] @ covariances[1])).real
    expected = np.square(mean).sum() + sum(map(np.trace, covariances)) - 2 * shared
    assert frechet_distance(real, other) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(real, real[::-1]) == pytest.approx(0, abs=1e-9)


def test_precision_and_recall_by_brute_force(monkeypatch):
    monkeypatch.setattr("unitdisc.evaluation.generated.AT_ONCE", 7)
    rng = np.random.default_rng(1)
    real, other = rng.standard_normal((30, 2)), 0.7 * rng.standard_normal((20, 2)) + 2

    def among(items: np.ndarray, others: np.ndarray) -> float:
        inside = 0
        for item in items:
            for place, one in enumerate(others):
                fellows = sorted(np.linalg.norm(one - each) for i, each in enumerate(others) if i != place)
                if np.linalg.norm(item - one) <= fellows[2]:
                    inside += 1
                    break
        return inside / len(items)

    assert precision_and_recall(real, other) == (among(other, real), among(real, other))
    assert 0 < among(real, other) < 1 and 0 < among(other, real) < 1
    places, far = nearest(other, real)
    table = np.linalg.norm(other[:, None] - real, axis=-1)
    assert places.tolist() == table.argmin(1).tolist() and far == pytest.approx(table.min(1), abs=1e-6)


def test_what_is_lost_of_the_real_is_lost_in_recall():
    """Two clusters, of which one is made; and both, with rubbish beside."""
    clusters = [np.array([centre, 0]) + 0.1 * RNG.standard_normal((40, 2)) for centre in (0, 50)]
    both = np.concatenate(clusters)
    one = made_scores(both, clusters[0][::-1] + 1e-3)
    assert one.precision == 1 and one.recall == pytest.approx(0.5, abs=0.02)
    rubbish = made_scores(both, np.concatenate([both + 1e-3, RNG.standard_normal((80, 2)) + 1000]))
    assert rubbish.precision == pytest.approx(0.5, abs=0.02) and rubbish.recall == 1


def test_too_few_items():
    with pytest.raises(UnscorableError, match="3 items are too few: give 4 or more"):
        precision_and_recall(np.zeros((9, 2)), np.zeros((3, 2)))


def test_a_sheet():
    found = sheet([[np.full((3, 2), 0.5)], [np.full((1, 2), 1.0), np.full((3, 4), 0.25)]])
    assert found.shape == (2 + 2 * 5, 2 + 2 * 6)
    assert found.sum() == 3 + 2 + 3 and (found[2:5, 2:4] == 0.5).all() and (found[7:10, 8:12] == 0.25).all()
    with pytest.raises(ValueError, match="a sheet needs a picture"):
        sheet([[]])


def items(folder: Path, number: int, seed: int, told: str = "", **alignment: str) -> Path:
    """Noisy bars, each above or below, whose speakers are called as told, one letter for either."""
    rng, utterances = np.random.default_rng(seed), []
    for place in range(number):
        ink = 0.3 * rng.random((16, 16))
        side = place % 2
        ink[:, 8 * side + 2 : 8 * side + 6] += 0.6
        path = folder / f"item-{place:02d}.png"
        write_image(path, ink)
        label = {tier: [Interval(0, 16, labels[side])] for tier, labels in alignment.items()}
        speaker = told[side] if told else None
        utterances.append(Utterance(path.stem, str(path), speaker, 16, alignment=label, height=16))
    write_manifest(folder / "corpus.jsonl", utterances)
    return folder / "corpus.jsonl"


def test_the_scripts(tmp_path, capsys, monkeypatch):
    """Of the same kind of items all is well; what is copied is found, and so is what a mixture of pixels is."""
    train = items(tmp_path / "train", 40, 0, character="ab")
    test = items(tmp_path / "test", 24, 1, character="ab")
    again = items(tmp_path / "again", 20, 2, code="01")
    copied = items(tmp_path / "copied", 20, 0, told="aa", code="00")
    monkeypatch.syspath_prepend(str(ROOT / "eval"))
    mixture = runpy.run_path(str(ROOT / "eval" / "pixel_mixture.py"))["main"]
    mixture([str(train), str(tmp_path / "mixture"), "--number", "20", "--components", "4", "--gaussians", "2"])
    drawn = [*read_corpus(tmp_path / "mixture" / "corpus.jsonl")]
    assert len(drawn) == 20 and {read_line(each).shape for each in drawn} == {(16, 16)}
    corpora = [train, test, again, copied, tmp_path / "mixture" / "corpus.jsonl"]
    folders = [tmp_path / "frames" / corpus.parent.name for corpus in corpora]
    for corpus, folder in zip(corpora, folders):
        made("features", corpus, folder, "--kind", "columns", "--height", "16")
    script = runpy.run_path(str(ROOT / "eval" / "generated.py"))["main"]
    capsys.readouterr()
    paths = ["--picture", str(tmp_path / "near.png"), "--output", str(tmp_path / "made.json")]
    found = script([*map(str, corpora), "--encodings", *map(str, folders), *paths])
    said = capsys.readouterr().out
    assert "20 items each" in said and f"| {tmp_path / 'again'} |" in said
    rows = {Path(name).name: row for name, row in found.items()}
    assert rows["copied"]["distance"] == 0 and rows["again"]["distance"] == pytest.approx(1, abs=0.1)
    assert rows["again"]["one label"] == 1 and rows["copied"]["one label"] == 0.5
    assert rows["again"]["label shares"] < 0.2 and rows["copied"]["as told"] == 0.5
    assert rows["again"].keys() == {"precision", "recall", "frechet", "one label", "label shares", "distance"}
    assert (tmp_path / "near.png").stat().st_size and (tmp_path / "made.json").exists()
    with pytest.raises(SystemExit, match=r"is of another size|has no utterance of .*again"):
        script([*map(str, corpora[:3]), "--encodings", *map(str, [*folders[:2], folders[4]])])
    capsys.readouterr()
    found = script([*map(str, corpora[:3]), "--encodings", *map(str, folders[:3]), "--tier", "word"])
    assert "nothing is named, for there are no labels in the tier 'word'" in capsys.readouterr().out
    assert all("label shares" not in row for row in found.values())
    write_image(tmp_path / "wide" / "item-00.png", np.eye(16, 20))
    only = Utterance("item-00", str(tmp_path / "wide" / "item-00.png"), None, 16, height=20)
    write_manifest(tmp_path / "wide" / "corpus.jsonl", [only])
    with pytest.raises(SystemExit, match="its items are of another size than those of"):
        script([*map(str, [*corpora[:2], tmp_path / "wide" / "corpus.jsonl"]), "--encodings", *map(str, folders[:3])])
    with pytest.raises(SystemExit):
        mixture([str(tmp_path / "again" / "corpus.jsonl"), str(tmp_path / "again")])
    assert "would be overwritten" in capsys.readouterr().err
