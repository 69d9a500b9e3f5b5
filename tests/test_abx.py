"""ABX: the golden scores of other tools, the definition triplet by triplet, and what a user can get wrong."""

import json
import os
import runpy
from pathlib import Path

import numpy as np
import pytest

from unitdisc.corpus import CorpusError, Interval, Utterance, write_manifest
from unitdisc.encodings import Encodings, EncodingsError
from unitdisc.evaluation.abx import AbxItem, abx, label_items, read_items, triphone_items
from unitdisc.evaluation.dtw import warped_distance

ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("UNITDISC_DATA", ROOT.parent / "shared" / "data"))
GOLDEN = DATA.parent / "golden" / "abx"
SETS = ["", "_half", "_vq20", "_post", "_zeros", "_r50_f64"]
golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"no golden scores in {GOLDEN}")
oracle = runpy.run_path(str(Path(__file__).parent / "reference" / "abx.py"))


def encode(folder: Path, frames: dict[str, np.ndarray], stride: float = 160, **settings) -> Encodings:
    """A folder of encodings as any tool writes it."""
    folder.mkdir(parents=True, exist_ok=True)
    for utterance, values in frames.items():
        np.save(folder / f"{utterance}.npy", values)
    (folder / "encodings.json").write_text(json.dumps({"stride": stride, "offset": stride / 2, **settings}))
    return Encodings.open(folder)


def random_tokens(rng: np.random.Generator, kind: str) -> list[tuple]:
    """Items (context, speaker, label, frames), few enough for the oracle, with what makes ties in them."""
    codebook = rng.standard_normal((3, 2))
    tokens = []
    for _ in range(14):
        length = rng.integers(1, 5)
        frames = {
            "noise": rng.standard_normal((length, 3)),
            "codes": codebook[rng.integers(3, size=length)],
            "nulls": rng.standard_normal((length, 3)) * rng.integers(2, size=(length, 1)),
            "one-hot": np.eye(3)[rng.integers(3, size=length)],
        }[kind]
        context, speaker, label = rng.integers(2), rng.integers(2), rng.integers(3)
        tokens.append(((f"c{context}", "d"), f"s{speaker}", f"p{label}", frames))
    return tokens


def as_items(tokens: list[tuple], folder: Path) -> tuple[list[AbxItem], Encodings]:
    """One utterance per token, its item beginning after a frame of noise and ending before another."""
    frames, items = {}, []
    for number, (context, speaker, label, token) in enumerate(tokens):
        noise = np.full((1, token.shape[1]), 7.0)
        frames[f"u{number:02}"] = np.concatenate([noise, token, noise])
        items.append(AbxItem(f"u{number:02}", 160, 160 + 160 * len(token) - 1, label, context, speaker))
    return items, encode(folder, frames)


@golden
@pytest.mark.parametrize("average,name", [("librilight", "libri-light"), ("abxpy", "abxpy2017")])
@pytest.mark.parametrize("speaker", ["within", "across"])
@pytest.mark.parametrize("data", ["g1200_d64", *(f"g1200_d13{trap}" for trap in SETS)])
def test_scores_are_those_of_the_reference(data, speaker, average, name):
    rate = json.loads((GOLDEN / data / "meta.json").read_text())["rate"]
    expected = json.loads((GOLDEN / "expected.json").read_text())
    key = f"{data}|{speaker}-speaker|within-context|cosine_fixed|slicing=exact|avg={name}|pool=none"
    if key not in expected:
        key = key.replace("cosine_fixed", "cosine")
    encodings = Encodings.open(GOLDEN / data / "npy", stride=16000 / rate)
    result = abx(read_items(GOLDEN / data / "data.item", 16000), encodings, speaker, average)
    assert result.error == pytest.approx(expected[key]["ref-float64"], abs=1e-12)


@golden
@pytest.mark.parametrize("speaker", ["within", "across"])
@pytest.mark.parametrize("data", ["g1200_d13_vq20", "g1200_d13_zeros"])
def test_counts_are_those_of_the_reference(data, speaker):
    rows = map(json.loads, (GOLDEN / "scores.jsonl").read_text().splitlines())
    wanted = {"peer": "ref-float64", "data": data, "mode": speaker, "dist": "cosine_fixed", "slicing": "exact"}
    row = next(row for row in rows if wanted.items() <= row.items())
    items = read_items(GOLDEN / data / "data.item", 16000)
    result = abx(items, Encodings.open(GOLDEN / data / "npy", stride=160), speaker)
    assert (result.cells, result.triplets, result.ties) == (row["cells"], row["triplets"], row["tied_triplets"])
    assert (result.items, result.skipped) == (row["items"], row["skipped"])


@pytest.mark.parametrize("kind", ["noise", "codes", "nulls", "one-hot"])
@pytest.mark.parametrize("speaker", ["within", "across"])
@pytest.mark.parametrize("average", ["librilight", "abxpy"])
def test_scores_are_those_of_the_definition(kind, speaker, average, tmp_path):
    rng = np.random.default_rng(1)
    for attempt in range(3):
        tokens = random_tokens(rng, kind)
        items, encodings = as_items(tokens, tmp_path / str(attempt))
        expected = oracle["abx_error"](tokens, speaker == "across", average == "abxpy")
        assert abx(items, encodings, speaker, average).error == pytest.approx(expected, abs=1e-14)


def test_warping_follows_the_definition():
    rng = np.random.default_rng(0)
    for _ in range(50):
        xs = np.eye(3)[rng.integers(3, size=rng.integers(1, 7))]
        ys = np.eye(3)[rng.integers(3, size=rng.integers(1, 7))]
        lattice = np.array([[oracle["frame_distance"](x, y) for y in ys] for x in xs])
        assert warped_distance(lattice) == float(oracle["dtw"](xs, ys))


def test_order_of_items_changes_nothing(tmp_path):
    tokens = random_tokens(np.random.default_rng(5), "codes")
    items, encodings = as_items(tokens, tmp_path)
    assert abx(items, encodings, "across") == abx(items[::-1], encodings, "across")


def test_loudness_changes_nothing(tmp_path):
    tokens = random_tokens(np.random.default_rng(6), "noise")
    loud = [(*token, 4 * frames) for *token, frames in tokens]
    scores = [
        abx(*as_items(some, tmp_path / str(len(some[0][3])) / name)) for name, some in (("a", tokens), ("b", loud))
    ]
    assert scores[0] == scores[1]


def test_constant_encodings_are_at_chance(tmp_path):
    tokens = [(*token, np.ones_like(frames)) for *token, frames in random_tokens(np.random.default_rng(2), "noise")]
    result = abx(*as_items(tokens, tmp_path), "across")
    assert result.error == 0.5
    assert result.ties == result.triplets


def test_frames_centred_on_either_end_belong_to_the_item(tmp_path):
    # frames are centred on 80, 240, 400, 560; the last of them tells the labels apart
    frames = {f"u{i}": np.array([[1, 0], [1, 0], [1, 0], [1, 0] if i < 2 else [0, 1]], float) for i in range(4)}
    encodings = encode(tmp_path, frames)
    labels = ["p", "p", "q", "q"]
    upto = lambda end: [AbxItem(f"u{i}", 240, end, label, (), "s") for i, label in enumerate(labels)]  # noqa: E731
    assert abx(upto(560), encodings).error == 0
    assert abx(upto(559), encodings).error == 0.5


def test_decimal_times_on_the_border_belong_to_the_item(tmp_path):
    # at 75 frames a second frame 7 is centred on 0.1 s, but floats put it 2e-13 ticks later
    frames = {f"u{i}": np.array([[1, 0]] * 7 + [[1, 0] if i < 2 else [0, 1]], float) for i in range(4)}
    encodings = encode(tmp_path / "encodings", frames, stride=16000 / 75)
    lines = [f"u{i} 0.0500 0.1000 {label} a b s" for i, label in enumerate("ppqq")]
    (tmp_path / "data.item").write_text("\n".join(["#header", *lines]) + "\n")
    assert encodings["u0"].centres[7] > 1600
    assert abx(read_items(tmp_path / "data.item", 16000), encodings).error == 0


def test_irregular_frames_are_found_by_their_centres(tmp_path):
    encodings = encode(tmp_path, {f"u{i}": np.eye(2)[[0, i // 2]] for i in range(4)})
    (tmp_path / "centres").mkdir()
    for i in range(4):
        np.save(tmp_path / "centres" / f"u{i}.npy", np.array([100.5, 3000]))
    items = [AbxItem(f"u{i}", 2000, 4000, "ppqq"[i], (), "s") for i in range(4)]
    assert abx(items, encodings).error == 0


def test_items_without_a_frame_are_skipped_and_counted(tmp_path):
    tokens = random_tokens(np.random.default_rng(3), "noise")
    items, encodings = as_items(tokens, tmp_path)
    short = AbxItem("u00", 100, 200, "p0", items[0].context, items[0].speaker)  # between the centres 80 and 240
    result = abx([*items, short], encodings)
    assert result.skipped == 1
    assert result.items == len(items)
    assert result.error == abx(items, encodings).error


UTTERANCE = Utterance(
    "u",
    "u.wav",
    "s",
    1000,
    alignment={
        "phone": [
            Interval(0, 100, "SIL"),
            Interval(100, 200, "a"),
            Interval(200, 300, "b"),
            Interval(300, 400, "c"),
            Interval(400, 500, "d"),
            Interval(600, 700, "e"),
            Interval(700, 800, "f"),
        ]
    },
)


def test_triphones_span_neither_pauses_nor_gaps():
    assert triphone_items([UTTERANCE]) == [
        AbxItem("u", 100, 400, "b", ("a", "c"), "s"),
        AbxItem("u", 200, 500, "c", ("b", "d"), "s"),
    ]


def test_labels_are_taken_in_any_context_but_silence_is_not():
    items = label_items([UTTERANCE], "phone")
    assert [item.label for item in items] == list("abcdef")
    assert {item.context for item in items} == {()}


def test_a_missing_tier_is_named():
    with pytest.raises(CorpusError, match=r"u: has no tier 'word', only \['phone'\]"):
        triphone_items([UTTERANCE], "word")


def test_a_missing_encoding_is_named(tmp_path):
    items, encodings = as_items(random_tokens(np.random.default_rng(0), "noise"), tmp_path)
    with pytest.raises(EncodingsError, match=r"other\.npy: no such encoding"):
        abx([*items, AbxItem("other", 0, 1, "p", (), "s")], encodings)


@pytest.mark.parametrize(
    "frames,message",
    [
        (np.array([[np.nan, 1.0]] * 3), "u00.npy: has values that are not numbers"),
        (np.ones((9, 5)), "dimensions"),
        (np.ones((0, 3)), "u00.npy: the last of 0 frames"),
    ],
)
def test_unusable_encodings_are_named(frames, message, tmp_path):
    items, encodings = as_items(random_tokens(np.random.default_rng(0), "noise"), tmp_path)
    np.save(tmp_path / "u00.npy", frames)
    with pytest.raises(EncodingsError, match=message):
        abx(items, encodings)


def test_encodings_that_end_long_before_their_items_are_refused(tmp_path):
    items, encodings = as_items(random_tokens(np.random.default_rng(0), "noise"), tmp_path)
    late = AbxItem("u00", 160, 160 * 20, "p", ("c", "d"), "s")
    with pytest.raises(EncodingsError, match=r"u00.npy: the last of .* an item ends on tick 3200"):
        abx([*items, late], encodings)


def test_nothing_to_compare_is_an_error_that_says_what_is_needed(tmp_path):
    items, encodings = as_items(random_tokens(np.random.default_rng(0), "noise"), tmp_path)
    alone = [item for item in items if item.label == "p0"]
    with pytest.raises(ValueError, match="two labels in the same context"):
        abx(alone, encodings)


def test_hidden_speakers_are_refused(tmp_path):
    items, encodings = as_items(random_tokens(np.random.default_rng(0), "noise"), tmp_path)
    with pytest.raises(ValueError, match="u00: its speaker is not known"):
        abx([AbxItem("u00", 0, 100, "p", (), None), *items], encodings)


@pytest.mark.parametrize("line", ["u 0.1 0.2 p a b", "u 0.1 x p a b s", "u 0.3 0.2 p a b s"])
def test_a_line_that_is_not_an_item_is_named(line, tmp_path):
    (tmp_path / "data.item").write_text(f"#header\nu 0.1 0.2 p a b s\n{line}\n")
    with pytest.raises(CorpusError, match=r"data.item:3:"):
        read_items(tmp_path / "data.item", 16000)


def test_the_script_scores_a_manifest_and_an_item_file_alike(tmp_path, capsys):
    rng = np.random.default_rng(8)
    utterances, lines = [], []
    for number in range(8):
        label = "bd"[number % 2]
        intervals = [Interval(0, 1600, "a"), Interval(1600, 3200, label), Interval(3200, 4800, "c")]
        speaker = f"s{number // 4}"
        utterances.append(Utterance(f"u{number}", "x.wav", speaker, 4800, 16000, alignment={"phone": intervals}))
        lines.append(f"u{number} 0.0 0.3 {label} a c {speaker}")
    encode(tmp_path / "encodings", {utterance.id: rng.standard_normal((30, 4)) for utterance in utterances})
    write_manifest(tmp_path / "test.jsonl", utterances)
    (tmp_path / "test.item").write_text("\n".join(["#header", *lines]) + "\n")
    main = runpy.run_path(str(ROOT / "eval" / "abx.py"))["main"]
    scores = [main([str(tmp_path / name), str(tmp_path / "encodings")]) for name in ("test.jsonl", "test.item")]
    assert scores[0] == scores[1]
    (tmp_path / "encodings" / "encodings.json").unlink()  # as another system leaves its frames
    for name in ("test.jsonl", "test.item"):
        assert main([str(tmp_path / name), str(tmp_path / "encodings"), "--frame-rate", "100"]) == scores[0]
    assert "ABX error across speakers" in capsys.readouterr().out


@pytest.mark.skipif(not (DATA / "so762_dev").is_dir(), reason=f"no so762_dev in {DATA}")
def test_triphones_of_real_speech_are_those_of_its_item_file():
    tiers: dict[str, list[Interval]] = {}
    for line in (DATA / "so762_dev" / "phones.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        utterance, start, end, phone = line.split("\t")[:4]
        interval = Interval(round(float(start) * 16000), round(float(end) * 16000), phone)
        tiers.setdefault(utterance, []).append(interval)
    found = triphone_items(
        Utterance(utterance, "", f"s{utterance[:5]}", intervals[-1].end, 16000, alignment={"phone": intervals})
        for utterance, intervals in tiers.items()
    )
    given = read_items(DATA / "so762_dev" / "triphones.item", 16000)
    key = lambda item: (item.utterance, round(item.start), round(item.end), item.label, item.context)  # noqa: E731
    assert sorted(map(key, found)) == sorted(map(key, given))
