"""ABX in shards adds up to exactly what one run counts."""

import json
from pathlib import Path

import numpy as np
import pytest
from abx_items import as_items, encode, random_tokens

from unitdisc.corpus.manifest import read_manifest
from unitdisc.encodings import Encodings
from unitdisc.evaluation.abx import AbxProtocol, Sampling, Share, UnfinishedError, abx
from unitdisc.evaluation.abx.cells import PAIRS, cells_of, grouped
from unitdisc.evaluation.abx.items import AbxItem, AbxItems
from unitdisc.evaluation.abx.shards import cells_of_shard
from unitdisc.jobs import Shard

pytest_plugins = ["tiny_fixtures"]

PROTOCOLS = {
    "as it is": AbxProtocol(),
    "of codes": AbxProtocol("euclidean", average="abxpy"),
    "sampled": AbxProtocol(sampling=Sampling(max_size_group=2, max_x_across=1)),
    "sampled as libriabx2": AbxProtocol(sampling=Sampling("abx2", 2, 1)),
}


@pytest.fixture(scope="module")
def things(tmp_path_factory):
    tokens = random_tokens(np.random.default_rng(0), "codes", count=60)
    return as_items(tokens, tmp_path_factory.mktemp("encodings"), together=10)


@pytest.fixture(scope="module")
def frames(tiny_corpus, tmp_path_factory) -> Path:
    """Some for every utterance of the corpus, as no model need have made them."""
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("frames")
    made = {line.id: rng.standard_normal((line.ticks // 160, 3)) for line in read_manifest(tiny_corpus)}
    return encode(folder, made, rate=16_000).folder


def in_shards(items, encodings, folder: Path, order: list[int], speaker: str, protocol: AbxProtocol, **resources):
    for index in order[:-1]:
        with pytest.raises(UnfinishedError, match=rf"shard {index}/{len(order)} is counted; .*/{len(order)}"):
            abx(items, encodings, speaker, protocol, share=Share(Shard(index, len(order)), folder), **resources)
    last = Share(Shard(order[-1], len(order)), folder)
    return abx(items, encodings, speaker, protocol, share=last, replicates=5, threads=1)


@pytest.mark.parametrize("speaker", ["within", "across"])
@pytest.mark.parametrize(
    "protocol,order",
    [(name, [3, 1, 2]) for name in PROTOCOLS] + [("as it is", [1]), ("as it is", list(range(1, 12)))],
)
def test_shards_add_up_to_one_run(things, tmp_path, protocol, speaker, order):
    """Whatever the memory and the threads of each."""
    whole = abx(*things, speaker, PROTOCOLS[protocol], replicates=5, threads=1)
    parts = in_shards(*things, tmp_path, order, speaker, PROTOCOLS[protocol], memory=2**17, threads=2)
    assert parts == whole
    assert list(parts.table) == list(whole.table)


def test_a_shard_may_have_nothing_to_count(tmp_path):
    items, encodings = as_items(random_tokens(np.random.default_rng(0), "codes", count=9), tmp_path / "encodings")
    whole = abx(items, encodings, "within")
    more = whole.cells + 2
    assert in_shards(items, encodings, tmp_path, list(range(1, more + 1)), "within", AbxProtocol()).error == whole.error


@pytest.mark.parametrize("speaker", ["within", "across"])
@pytest.mark.parametrize("contexts", [1, 40])
def test_shards_have_about_the_same_to_do(speaker, contexts):
    """Also where everything is one context, as of words and digits."""
    rng = np.random.default_rng(1)
    items = AbxItems.of(
        AbxItem(f"u{i}", 0, 1, f"p{rng.integers(5)}", (f"c{rng.integers(contexts)}",), f"s{rng.integers(6)}")
        for i in range(900)
    )
    groups = grouped(items, np.arange(len(items)))
    cells, lengths = cells_of(groups, PAIRS[speaker](groups)), rng.integers(1, 9, len(items))
    shares = [cells_of_shard(groups, cells, lengths, speaker, shard) for shard in Shard(1, 4).siblings()]
    np.testing.assert_array_equal(np.sort(np.concatenate(shares)), np.arange(len(cells)))
    assert max(map(len, shares)) < 1.5 * min(map(len, shares))


def test_what_was_counted_is_not_counted_again(things, tmp_path, monkeypatch):
    shares = [Share(shard, tmp_path) for shard in Shard(1, 2).siblings()]
    with pytest.raises(UnfinishedError):
        abx(*things, share=shares[0])
    whole = abx(*things, share=shares[1])
    monkeypatch.setattr("unitdisc.evaluation.abx.counting.computed", lambda *_: pytest.fail("counted again"))
    assert abx(*things, share=shares[0]) == whole


def test_counts_of_something_else_are_not_added(things, tmp_path):
    with pytest.raises(UnfinishedError):
        abx(*things, share=Share(Shard(1, 2), tmp_path))
    with pytest.raises(ValueError, match=r"within\.1-of-2\.npz: counts another comparison"):
        abx(*things, protocol=AbxProtocol("euclidean"), share=Share(Shard(2, 2), tmp_path))
    (tmp_path / "within.1-of-2.npz").write_bytes(b"torn")
    with pytest.raises(ValueError, match=r"within\.1-of-2\.npz: damaged .* run shard 1/2 again"):
        abx(*things, share=Share(Shard(2, 2), tmp_path))


def test_frames_of_another_layer_are_another_comparison(things, tmp_path):
    """Folders of the same name, times and width, as of the layers of a model, with one folder for their counts."""
    items, encodings = things
    others = tmp_path / "other" / encodings.folder.name
    others.mkdir(parents=True)
    for path in encodings.folder.iterdir():
        (others / path.name).write_bytes(path.read_bytes())
    for path in others.glob("*.npy"):
        np.save(path, np.load(path)[::-1])
    with pytest.raises(UnfinishedError):
        abx(items, encodings, share=Share(Shard(1, 2), tmp_path / "parts"))
    with pytest.raises(ValueError, match=r"within\.1-of-2\.npz: counts another comparison"):
        abx(items, Encodings.open(others), share=Share(Shard(2, 2), tmp_path / "parts"))


def test_the_last_shard_says_what_one_run_says(unitdisc, tiny_corpus, frames, tmp_path):
    command = ["abx", frames, tiny_corpus, "--context", "any", "--cells"]
    whole = unitdisc(*command, tmp_path / "a.csv", "--output", tmp_path / "a.json")
    for index in (2, 1, 3):
        more = ["--shard", f"{index}/3", "--parts", tmp_path / "parts", "--output", tmp_path / "b.json"]
        part = unitdisc(*command, tmp_path / "b.csv", *more)
        assert part.code == 0
        assert (tmp_path / "b.json").exists() == (index == 3)
    assert part.out == whole.out
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert json.loads((tmp_path / "a.json").read_text()) == json.loads((tmp_path / "b.json").read_text())


def test_shards_without_a_folder_are_refused(unitdisc, tiny_corpus, frames, tmp_path):
    command = ["abx", frames, tiny_corpus]
    assert "give --parts FOLDER" in unitdisc(*command, "--shard", "1/2").err
    assert "counted from 1" in unitdisc(*command, "--parts", tmp_path, "--shard", "0/2").err
