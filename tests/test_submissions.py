"""Frames and units of other systems are read as they are or refused with file, line and cure; submissions are whole."""

import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.encodings import Encoding, Encodings, EncodingsError, EncodingsWriter
from unitdisc.evaluation.foreign import open_encodings, require
from unitdisc.evaluation.frame_checks import open_for
from unitdisc.evaluation.zerospeech.checks import check_2021
from unitdisc.evaluation.zerospeech.plain_yaml import as_yaml, read_yaml
from unitdisc.evaluation.zerospeech.submissions import PARTS, abxls_table, phonetic_table, write_2021, write_abxls

GOLDEN = Path(__file__).parent.parent.parent / "shared" / "golden"
FRAMES = np.random.default_rng(0).standard_normal((12, 3))
META = {
    "author": 'Ann "A." Author: the first',
    "affiliation": "Institut für Phonetik",
    "description": "VQ # not a comment",
    "train_set": "made up",
    "gpu_budget": 0,
    "visually_grounded": False,
    "year": 2026,
}


def text(frames: np.ndarray, times: np.ndarray | None = None) -> str:
    rows = frames if times is None else np.column_stack([times, frames])
    return "".join(" ".join(f"{value:.9g}" for value in row) + "\n" for row in rows)


def ours(folder: Path, names: str = "u1 u2", stride: int = 320, frames: np.ndarray = FRAMES) -> Encodings:
    writer = EncodingsWriter(folder, {"point": "bottleneck", "stride": stride, "offset": stride / 2, "rate": 16_000})
    for name in names.split():
        writer.write(Encoding(name, np.arange(len(frames)), frames, np.arange(len(frames))))
    writer.finish()
    return Encodings.open(folder)


# Readers: the same frames in every format


WRITERS: dict[str, Callable[[Path], None]] = {
    ".npy": lambda path: np.save(path, FRAMES),
    ".pt": lambda path: torch.save(torch.from_numpy(FRAMES), path),
    ".txt": lambda path: path.write_text(text(FRAMES)),
}


@pytest.mark.parametrize("suffix", WRITERS)
def test_every_format_says_the_same(suffix: str, tmp_path: Path):
    (tmp_path / "deep").mkdir()
    WRITERS[suffix](tmp_path / f"b{suffix}")
    WRITERS[suffix](tmp_path / "deep" / f"a{suffix}")
    encodings = open_encodings(tmp_path, rate=16_000, frame_rate=50)
    assert [encoding.utterance for encoding in encodings] == ["a", "b"]
    assert "a" in encodings and "c" not in encodings and len(encodings) == 2
    np.testing.assert_allclose(encodings["a"].frames, FRAMES, rtol=1e-8)
    np.testing.assert_array_equal(encodings["a"].centres, 160 + 320 * np.arange(12))
    assert encodings["a"].codes is None
    assert encodings.settings["stride"] == 320 and encodings.settings["dim"] == 3


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("suffix", [".npy", ".pt"])
def test_every_floating_point_type_is_read(dtype: str, suffix: str, tmp_path: Path):
    frames = FRAMES.astype(dtype)
    np.save(tmp_path / "u.npy", frames) if suffix == ".npy" else torch.save(torch.from_numpy(frames), tmp_path / "u.pt")
    read = open_encodings(tmp_path, frame_rate=100)["u"].frames
    assert read.dtype == (np.float64 if dtype == "float64" else np.float32)
    np.testing.assert_array_equal(read, frames)


def test_half_precision_of_torch_is_read(tmp_path: Path):
    torch.save(torch.ones(3, 2, dtype=torch.bfloat16), tmp_path / "u.pt")
    assert open_encodings(tmp_path, frame_rate=100)["u"].frames.dtype == np.float32


def test_a_folder_of_ours_says_itself_when_frames_happen(tmp_path: Path):
    ours(tmp_path)
    encodings = open_encodings(tmp_path, frame_rate=7)
    assert isinstance(encodings, Encodings)
    assert encodings["u1"].centres.tolist()[:2] == [160, 480]


def test_a_column_of_times_is_time_and_no_feature(tmp_path: Path):
    times = np.array([0.0125, 0.02, 0.05, 0.3])
    (tmp_path / "u.txt").write_text(text(FRAMES[:4], times))
    encoding = open_encodings(tmp_path, rate=16_000, times="column")["u"]
    np.testing.assert_allclose(encoding.centres, [200, 320, 800, 4800], rtol=1e-12)
    np.testing.assert_allclose(encoding.frames, FRAMES[:4], rtol=1e-8)


def test_a_column_of_times_is_never_taken_for_a_feature_unsaid(tmp_path: Path):
    (tmp_path / "u.txt").write_text(text(FRAMES, 0.005 + 0.01 * np.arange(12)))
    with pytest.raises(EncodingsError, match=r"u\.txt: its first column grows .*times: column.*times: regular"):
        open_encodings(tmp_path, frame_rate=100)
    assert open_encodings(tmp_path, frame_rate=100, times="regular")["u"].frames.shape == (12, 4)
    with pytest.raises(ValueError, match="nothing says when its frames happen; give the frame rate, or say that"):
        open_encodings(tmp_path)


def test_frames_relative_to_the_file_count_its_lines(tmp_path: Path):
    """As ZeroSpeech 2019 has it: line i of n, blank ones counted, happens at i / n."""
    (tmp_path / "u.txt").write_text("1 2\n\n3 4\n5 6\n")
    encoding = open_encodings(tmp_path, rate=16_000, times="relative")["u"]
    np.testing.assert_allclose(encoding.centres, [0, 8000, 12000])
    assert encoding.frames.tolist() == [[1, 2], [3, 4], [5, 6]]


@pytest.mark.parametrize(
    "line", ['{"utterance": "a.b", "codes": [3, 3, 5]}', '{"audio": "x/a.b.wav", "units": [3, 3, 5]}']
)
def test_units_are_codes(line: str, tmp_path: Path):
    (tmp_path / "units.jsonl").write_text(line + "\n")
    encoding = open_encodings(tmp_path / "units.jsonl", frame_rate=50)["a.b"]
    assert encoding.codes.tolist() == [3, 3, 5] and encoding.frames.shape == (3, 1)
    assert encoding.centres.tolist() == [160, 480, 800]


def test_units_of_fairseq_have_their_names_in_the_tsv(tmp_path: Path):
    (tmp_path / "test.km").write_text("3 3 5\n7\n")
    (tmp_path / "test.tsv").write_text("/audio\nb/two.wav\t900\none.wav\t300\n")
    encodings = open_encodings(tmp_path / "test.km", frame_rate=50)
    assert {encoding.utterance: encoding.codes.tolist() for encoding in encodings} == {"one": [7], "two": [3, 3, 5]}


def test_what_unitdisc_exports_as_km_is_read(tmp_path: Path):
    from unitdisc.exports.formats import export

    encodings = ours(tmp_path / "encodings")
    utterances = [Utterance(name, f"/audio/{name}.wav", None, 12 * 320, 16_000) for name in ("u1", "u2")]
    export(encodings, utterances, tmp_path / "units", ["km"])
    read = open_encodings(tmp_path / "units" / "units.km", frame_rate=50)
    assert read["u2"].codes.tolist() == list(range(12))
    np.testing.assert_array_equal(read["u2"].centres, encodings["u2"].centres)


def corpus_of(*known: tuple[str, str]) -> list[Utterance]:
    return [Utterance(id, path, None, 960, 16_000) for id, path in known]


@pytest.mark.parametrize(
    ("id", "path"),
    [
        ("x", "/audio/p226/001.flac"),  # the recording that the .tsv names
        ("x", "copy/of/p226/001.wav"),  # the ends of both paths
        ("p226-001", "000000.tar:512"),  # the id is made of the path
        ("p226_001", "a.wav"),
    ],
)
def test_files_of_one_name_are_told_apart_by_their_folders(id: str, path: str, tmp_path: Path):
    (tmp_path / "u.km").write_text("1 1 1\n2 2 2\n")
    (tmp_path / "u.tsv").write_text("/audio\np225/001.flac\t960\np226/001.flac\t960\n")
    opened = open_for(tmp_path / "u.km", corpus_of((id, path), ("other", "001.flac")), 50)
    assert list(opened.codes) == [id] and opened[id].codes.tolist() == [2, 2, 2]
    (tmp_path / "u.jsonl").write_text(
        '{"audio": "p225/001.flac", "hubert": "1 1 1"}\n{"audio": "p226/001.flac", "units": "2 2 2"}\n'
    )
    if path != "/audio/p226/001.flac":
        assert open_for(tmp_path / "u.jsonl", corpus_of((id, path)), 50)[id].codes.tolist() == [2, 2, 2]


def test_units_made_on_another_machine_are_found_where_the_ends_of_paths_tell(tmp_path: Path):
    lines = [f'{{"audio": "/there/v1/{name}.wav", "units": [{code}]}}\n' for code, name in enumerate(["a/1", "b/1"])]
    (tmp_path / "u.jsonl").write_text("".join(lines))
    opened = open_for(tmp_path / "u.jsonl", corpus_of(("x", "/here/b/1.wav"), ("y", "/here/a/1.wav")), 50)
    assert dict(opened.codes) == {"x": [1], "y": [0]}
    twice = corpus_of(("x", "/here/b/1.wav"), ("y", "/again/b/1.wav"), ("z", "/here/a/1.wav"))
    assert dict(open_for(tmp_path / "u.jsonl", twice, 50).codes) == {"z": [0]}


@pytest.mark.parametrize(
    ("number", "what"), [("99999999999999999999", "too large for a code"), ("-1", "negative, which no code is")]
)
def test_numbers_that_can_be_no_codes_are_named(tmp_path: Path, number: str, what: str):
    (tmp_path / "u.km").write_text(f"1 2\n1 {number}\n")
    (tmp_path / "u.tsv").write_text("/\na.wav\t9\nb.wav\t9\n")
    (tmp_path / "u.jsonl").write_text('{"id": "a", "codes": [1]}\n{"id": "b", "codes": [' + number + "]}\n")
    for name in ("u.km", "u.jsonl"):
        with pytest.raises(EncodingsError, match=rf"{name}:2: {number} is {what}"):
            open_encodings(tmp_path / name, frame_rate=50)


def test_files_of_one_name_alone_go_by_it_and_stretches_of_a_file_by_their_ids(tmp_path: Path):
    (tmp_path / "u.jsonl").write_text('{"file": "a/one.wav", "codes": [1]}\n{"id": "s-2", "codes": [2]}\n')
    parts = [Utterance(f"s-{n}", "long.wav", None, 320, 16_000, start=320 * n) for n in range(3)]
    opened = open_for(tmp_path / "u.jsonl", [*corpus_of(("x", "b/one.flac")), *parts], 50)
    assert dict(opened.codes) == {"s-2": [2], "x": [1]}
    with pytest.raises(EncodingsError, match=r"holds none of the 1 utterances, .*it names one, s-2, .*corpus has y"):
        open_for(tmp_path / "u.jsonl", corpus_of(("y", "two.wav")), 50)


def test_a_blank_line_is_an_utterance_without_codes_and_counts(tmp_path: Path):
    (tmp_path / "u.km").write_text("1 1\n\n3 3\n")
    (tmp_path / "u.tsv").write_text("/\na.wav\t9\nb.wav\t9\nc.wav\t9\n")
    opened = open_encodings(tmp_path / "u.km", frame_rate=50)
    assert list(opened.codes.values()) == [[1, 1], [3, 3]] and "b" not in opened
    assert opened.why_missing("b") == f"b has no codes: {tmp_path / 'u.km'}:2 is empty"
    of_ids = opened.of_corpus(corpus_of(("y", "x/b.wav"), ("z", "x/c.wav")))
    assert of_ids["z"].codes.tolist() == [3, 3] and "y has no codes" in of_ids.why_missing("y")


def test_the_lines_of_one_process_of_fairseq_are_its_share_of_the_tsv(tmp_path: Path):
    (tmp_path / "dev.tsv").write_text("/\n" + "".join(f"{name}.wav\t9\n" for name in "abcde"))
    for rank, lines in enumerate(("1\n2\n", "3\n4\n5\n")):  # round(5 / 2) is 2
        (tmp_path / f"dev_{rank}_2.km").write_text(lines)
    assert list(open_encodings(tmp_path / "dev_0_2.km", frame_rate=50).codes) == ["a", "b"]
    assert open_encodings(tmp_path / "dev_1_2.km", frame_rate=50)["e"].codes.tolist() == [5]
    (tmp_path / "x_0_1.km").write_text("1\n")
    with pytest.raises(EncodingsError, match=r"x_0_1\.tsv: missing.*; or put x\.tsv there, .* part 0 of 1"):
        open_encodings(tmp_path / "x_0_1.km", frame_rate=50)


def test_units_without_repetitions_have_no_times(tmp_path: Path):
    lines = [" ".join(str(place % 7) for place in range(count)) for count in (30, 37)]
    (tmp_path / "u.km").write_text("\n".join(lines) + "\n")
    (tmp_path / "u.tsv").write_text("/\na.wav\t16000\nb.wav\t16000\n")
    with pytest.raises(EncodingsError, match="repetitions seem to be removed, so that nothing says when units begin"):
        open_encodings(tmp_path / "u.km", frame_rate=50)
    (tmp_path / "u.tsv").write_text("/\na.wav\t9600\nb.wav\t11840\n")  # 50 a second: by chance none is repeated
    assert len(open_encodings(tmp_path / "u.km", frame_rate=50)) == 2
    longer = [Utterance(name, f"{name}.wav", None, 32_000, 16_000) for name in "ab"]
    with pytest.raises(EncodingsError, match="repetitions seem to be removed"):
        open_for(tmp_path / "u.km", longer, 50)


def test_what_is_neither_is_said_truly(tmp_path: Path):
    (tmp_path / "u.tsv").write_text("/\na.wav\t9\n")
    with pytest.raises(EncodingsError, match=r"u\.tsv: is no \.km or \.jsonl file"):
        open_encodings(tmp_path / "u.tsv", frame_rate=50)
    with pytest.raises(EncodingsError, match="is a file, where a folder of encodings is needed"):
        Encodings.open(tmp_path / "u.tsv")
    (tmp_path / "u.km").write_text("1\n")
    with pytest.raises(EncodingsError, match="nothing says when its frames happen; give `frame_rate`"):
        open_for(tmp_path / "u.km", corpus_of(("a", "a.wav")), None)


def test_integers_in_arrays_are_codes(tmp_path: Path):
    np.save(tmp_path / "u.npy", np.array([4, 4, 1]))
    encodings = open_encodings(tmp_path, frame_rate=50)
    assert encodings["u"].codes.tolist() == [4, 4, 1] and encodings.settings["dim"] is None


# Readers: what is wrong is said


def damaged_header() -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", 10) + b"{'descr': "


BAD_FILES = {  # file, content, options -> what the message must say
    "ragged": ("u.txt", "1 2\n3\n", {}, r"u\.txt:2: has 1 numbers, but line 1 has 2; every frame"),
    "ragged after a blank line": ("u.txt", "\n1 2\n\n3 4 5\n", {}, r"u\.txt:4: has 3 numbers, but line 2 has 2"),
    "no number": ("u.txt", "1 2\n3 x\n", {}, r"u\.txt:2: 'x' is no number; write numbers"),
    "commas": ("u.txt", "1,2\n3,4\n", {}, r"u\.txt:1: '1,2' is no number"),
    "NaN in text": ("u.txt", "1 2\n\n3 nan\n", {}, r"u\.txt:3: value 2 is nan; only finite"),
    "infinity in text": ("u.txt", "inf 2\n", {}, r"u\.txt:1: value 1 is inf"),
    "empty text": ("u.txt", " \n\n", {}, r"u\.txt: is empty; write one frame per line"),
    "binary text": ("u.txt", b"\xff\xfe\x00", {}, r"u\.txt: is UTF-16, not UTF-8; save the file as UTF-8"),
    "times fall": ("u.txt", "0.1 5\n0.2 5\n0.15 5\n", {"times": "column"}, r"u\.txt:3: time 0.15 after 0.2.*sort"),
    "times stand": ("u.txt", "0.1 5\n0.1 5\n", {"times": "column"}, r"u\.txt:2: time 0.1 after 0.1"),
    "times alone": ("u.txt", "0.1\n0.2\n", {"times": "column"}, r"u\.txt:1: one number.*is there a time column"),
    "empty array": ("u.npy", np.zeros((0, 3)), {}, r"u\.npy: is empty, of shape \(0, 3\)"),
    "NaN in array": ("u.npy", np.array([[1.0, 2], [3, np.nan]]), {}, r"u\.npy: frame 1: value 2 is nan"),
    "flat array": ("u.npy", np.zeros(4), {}, r"u\.npy: has shape \(4,\) of float64; must be frames"),
    "cube": ("u.npy", np.zeros((1, 4, 2)), {}, r"u\.npy: has shape \(1, 4, 2\)"),
    "complex": ("u.npy", np.zeros((4, 2), complex), {}, r"u\.npy: has shape \(4, 2\) of complex128"),
    "truths": ("u.npy", np.zeros((4, 2), bool), {}, r"u\.npy: has shape \(4, 2\) of bool"),
    "cut array": ("u.npy", damaged_header(), {}, r"u\.npy: is no \.npy file of numbers"),
    "empty file": ("u.npy", b"", {}, r"u\.npy: is no \.npy file of numbers"),
    "text as tensor": ("u.pt", b"hello", {}, r"u\.pt: holds no tensor that is safe to open"),
    "array with times": ("u.npy", np.zeros((4, 2)), {"times": "column"}, r"u\.npy: only \.txt files have a column"),
    "other format": ("u.h5", b"", {}, r"no \.npy, \.pt, \.txt files in it; one per utterance"),
}


def write_any(path: Path, content: str | bytes | np.ndarray) -> None:
    if isinstance(content, np.ndarray):
        np.save(path, content)
    else:
        path.write_bytes(content.encode() if isinstance(content, str) else content)


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_named_with_line_and_cure(name: str, tmp_path: Path):
    file, content, options, message = BAD_FILES[name]
    write_any(tmp_path / file, content)
    options = options or {"frame_rate": 100}
    with pytest.raises(EncodingsError, match=message):
        open_encodings(tmp_path, **options)["u"]


def test_a_tensor_that_would_run_code_is_not_opened(tmp_path: Path):
    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    torch.save(Evil(), tmp_path / "u.pt")
    with pytest.raises(EncodingsError, match="safe to open"):
        open_encodings(tmp_path, frame_rate=100)
    torch.save({"frames": torch.zeros(2, 2)}, tmp_path / "u.pt")
    with pytest.raises(EncodingsError, match=r"holds a dict; torch\.save one tensor"):
        open_encodings(tmp_path, frame_rate=100)
    assert not (tmp_path / "ran").exists()


BAD_UNITS = {
    "not JSON": ("u.jsonl", "{'a'\n", r'u\.jsonl:1: must be \{"utterance": NAME'),
    "no codes": ("u.jsonl", '{"utterance": "a"}\n', r"u\.jsonl:1: must be"),
    "no name": ("u.jsonl", '{"codes": [1]}\n', r"u\.jsonl:1: must be"),
    "halves": ("u.jsonl", '{"utterance": "a", "codes": [1, 1.5]}\n', r"u\.jsonl:1: codes must be whole numbers"),
    "truths": ("u.jsonl", '{"utterance": "a", "codes": [true]}\n', r"u\.jsonl:1: codes must be whole numbers"),
    "twice": ("u.jsonl", '{"id": "a", "codes": [1]}\n' * 2, r"u\.jsonl:2: a has come before"),
    "none": ("u.jsonl", '{"id": "a", "codes": []}\n', r"u\.jsonl: is empty; write the units of every utterance"),
    "empty": ("u.jsonl", "\n", r"u\.jsonl: is empty"),
    "no names": ("u.km", "1 2\n", r"u\.tsv: missing, but it says which utterance"),
}


@pytest.mark.parametrize("name", BAD_UNITS)
def test_bad_units_are_named_with_line_and_cure(name: str, tmp_path: Path):
    file, content, message = BAD_UNITS[name]
    (tmp_path / file).write_text(content)
    with pytest.raises(EncodingsError, match=message):
        open_encodings(tmp_path / file, frame_rate=50)


def test_km_and_tsv_must_have_as_many_lines(tmp_path: Path):
    (tmp_path / "u.km").write_text("1\n2\n")
    (tmp_path / "u.tsv").write_text("/\na.wav\t3\n")
    with pytest.raises(EncodingsError, match=r"u\.km: 2 lines, but u\.tsv names 1 files"):
        open_encodings(tmp_path / "u.km", frame_rate=50)
    (tmp_path / "u.km").write_text("1 x\n")
    with pytest.raises(EncodingsError, match=r"u\.km:1: must be codes"):
        open_encodings(tmp_path / "u.km", frame_rate=50)


def test_formats_do_not_mix_in_a_folder(tmp_path: Path):
    np.save(tmp_path / "a.npy", FRAMES)
    (tmp_path / "b.txt").write_text(text(FRAMES))
    with pytest.raises(EncodingsError, match=r"b\.txt: in a folder with .*a\.npy; keep files of one format"):
        open_encodings(tmp_path, frame_rate=100)


def test_one_name_in_two_folders_is_told_apart_by_the_folder(tmp_path: Path):
    for number, folder in enumerate(("x", "y")):
        (tmp_path / folder).mkdir()
        np.save(tmp_path / folder / "a.npy", FRAMES + number)
    np.save(tmp_path / "y" / "b.npy", FRAMES)
    encodings = open_encodings(tmp_path, frame_rate=100)
    assert list(encodings.codes) == ["b", "x/a", "y/a"]
    assert encodings["y-a"].frames[0, 0] == encodings["y/a"].frames[0, 0] == FRAMES[0, 0] + 1
    assert "a" not in encodings and "y/b" in encodings
    with pytest.raises(EncodingsError, match=r"a could be any of x/a, y/a; name files with their folders in i.item"):
        require(["a"], encodings, "i.item")


def test_another_dimension_is_refused(tmp_path: Path):
    np.save(tmp_path / "a.npy", FRAMES)
    np.save(tmp_path / "b.npy", FRAMES[:, :2])
    encodings = open_encodings(tmp_path, frame_rate=100)
    with pytest.raises(EncodingsError, match=r"b\.npy: has 2 dimensions, but .*a\.npy has 3 dimensions"):
        encodings["b"]
    np.save(tmp_path / "b.npy", np.arange(3))
    with pytest.raises(EncodingsError, match=r"b\.npy: has codes, but .*a\.npy has 3 dimensions"):
        encodings["b"]


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf")])
def test_a_frame_rate_must_be_one(rate: float, tmp_path: Path):
    np.save(tmp_path / "a.npy", FRAMES)
    with pytest.raises(ValueError, match="frame rate must be"):
        open_encodings(tmp_path, frame_rate=rate)


def test_missing_files_are_counted_and_the_first_named(tmp_path: Path):
    np.save(tmp_path / "u3.npy", FRAMES)
    encodings = open_encodings(tmp_path, frame_rate=100)
    require(["u3"], encodings, "x.item")
    with pytest.raises(EncodingsError, match=r"lacks 8 of the files that x\.item lists \(u0, u1, u2, u4, u5, \.\.\.\)"):
        require([f"u{i}" for i in range(9)], encodings, "x.item")


def test_a_missing_folder_is_said(tmp_path: Path):
    with pytest.raises(EncodingsError, match="no such folder"):
        open_encodings(tmp_path / "none", frame_rate=100)


# YAML


def test_yaml_survives_a_round_trip(tmp_path: Path):
    values = {"a": 'Ann "A." Author: #1', "b": {"c": 0.00001, "d": True, "e": {"f": None, "g h": -3}}, "i": "yes"}
    (tmp_path / "x.yaml").write_text(as_yaml(values), encoding="utf-8")
    assert read_yaml(tmp_path / "x.yaml") == values
    assert "  c: 0.00001\n" in as_yaml(values)  # some readers take 1e-05 for a text


def test_yaml_of_the_challenges_is_read():
    folder = GOLDEN / "zrc_abxLS_scores_only"
    if not folder.is_dir():
        pytest.skip(f"no golden references at {GOLDEN}")
    meta, params = read_yaml(folder / "meta.yaml"), read_yaml(folder / "params.yaml")
    assert params["feature_size"] == 0.01 and params["cuda"] is False and params["seed"] == 3459
    assert meta["publication"]["publication_year"] == 2026 and meta["submission_id"] is None
    assert meta["code_url"].endswith("used to create this system>")  # which goes over two lines


def test_yaml_of_people_is_read(tmp_path: Path):
    (tmp_path / "x.yaml").write_text(
        "---\n# of us\nauthor: Ann A. Author  # me\ndescription: >\n  one\n  two: three\nopen_source: true\n"
        "it's: 'x''y' # z\nparameters:\n    phonetic:\n        frame_shift: 1e-2\n".replace("it's", "its")
    )
    assert read_yaml(tmp_path / "x.yaml") == {
        "author": "Ann A. Author",
        "description": "one two: three",
        "open_source": True,
        "its": "x'y",
        "parameters": {"phonetic": {"frame_shift": 0.01}},
    }


@pytest.mark.parametrize(
    "content,line",
    [
        ("a: 1\nb: [1, 2]\n", 2),
        ("- a\n", 1),
        ("a: 1\n  b: 2\n", 2),
        ("a:\n  b: 1\n c: 2\n", 3),
        ("a: 1\na: 2\n", 2),
        ("a: &x 1\n", 1),
        ("a: !!python/object:os.system x\n", 1),
        ('a: "x\nb: 2\n', 1),
        ("hello\n", 1),
    ],
)
def test_yaml_that_is_not_understood_is_refused_with_its_line(content: str, line: int, tmp_path: Path):
    (tmp_path / "x.yaml").write_text(content)
    with pytest.raises(CorpusError, match=rf"x\.yaml:{line}: "):
        read_yaml(tmp_path / "x.yaml")


# Submissions


@pytest.fixture
def submission(tmp_path: Path) -> Path:
    """A submission without faults but the tasks that are not made here."""
    write_2021(tmp_path / "submission", {part: ours(tmp_path / "e" / part) for part in PARTS}, META)
    return tmp_path / "submission"


def errors(folder: Path, **expected) -> list[str]:
    names = {name.replace("_", "-"): wanted.split() for name, wanted in expected.items()}
    return [str(problem) for problem in check_2021(folder, names) if problem.severity == "error"]


def test_what_is_written_is_without_faults(submission: Path):
    assert errors(submission, dev_clean="u1 u2") == []
    warnings = [problem.file for problem in check_2021(submission, {})]
    assert {Path(file).relative_to(submission).parts[0] for file in warnings} == {"lexical", "syntactic", "semantic"}
    meta = read_yaml(submission / "meta.yaml")
    assert meta["author"] == META["author"] and meta["open_source"] is False
    assert meta["parameters"]["phonetic"] == {"metric": "cosine", "frame_shift": 0.02}


def test_frames_of_a_submission_are_those_of_the_encodings(submission: Path):
    read = open_encodings(submission / "phonetic" / "dev-other", frame_rate=50)["u2"].frames
    np.testing.assert_array_equal(read.astype(np.float32), FRAMES.astype(np.float32))


def test_code_comes_with_open_source_only(tmp_path: Path, submission: Path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "train.py").write_text("pass\n")
    write_2021(tmp_path / "open", {"dev-clean": Encodings.open(tmp_path / "e/dev-clean")}, META, tmp_path / "code")
    assert read_yaml(tmp_path / "open" / "meta.yaml")["open_source"] is True
    (tmp_path / "open" / "code" / "train.py").unlink()
    assert any("code: missing or empty" in error for error in errors(tmp_path / "open"))
    (submission / "code").mkdir()
    assert any("code: there, but meta.yaml says open_source: false" in error for error in errors(submission))


def test_everything_wrong_is_said_at_once(submission: Path):
    phonetic = submission / "phonetic"
    (phonetic / "dev-clean" / "u1.txt").write_text("1 2 3\n")
    (phonetic / "dev-other" / "u1.txt").write_text("1 2\n3 4\n")
    (phonetic / "test-clean" / "u1.txt").write_text("1 2 3\n1 nan 3\n")
    (phonetic / "test-clean" / "u2.npy").write_bytes(b"")
    for path in (phonetic / "test-other").iterdir():
        path.unlink()
    (phonetic / "test-other").rmdir()
    (phonetic / "extra").mkdir()
    (submission / "notes.md").write_text("x")
    meta = read_yaml(submission / "meta.yaml")
    del meta["author"]
    meta |= {"colour": "red", "gpu_budget": "many"}
    meta["parameters"]["phonetic"]["metric"] = "manhattan"
    (submission / "meta.yaml").write_text(as_yaml(meta))
    found = "\n".join(errors(submission, dev_clean="u1 u2 u3", test_clean="u1"))
    for said in (
        "dev-clean/u1.txt: 1 frame; a file must have 2 or more",
        "dev-clean: 1 recordings have no file (u3); encode them too",
        "dev-other/u1.txt: 2 dimensions, but",
        "test-clean/u1.txt: 2: value 2 is nan",
        "test-clean/u2.npy: is no .txt file",
        "test-clean: 1 files are of no recording (u2)",
        "test-other: missing; write the frames",
        "extra: has no place in phonetic",
        "notes.md: has no place in a submission",
        "meta.yaml: lacks author; add it: a text that is not empty",
        "meta.yaml: says colour, which nobody asks for",
        "meta.yaml: gpu_budget is 'many'; it must be a number",
        "meta.yaml: parameters/phonetic/metric is 'manhattan'; it must be one of cosine, euclidean, kl, kl_symmetric",
    ):
        assert said in found, f"{said}\nnot in\n{found}"
    assert len(found.splitlines()) == 13


def test_a_submission_without_meta_or_with_a_broken_one_is_said(submission: Path):
    (submission / "meta.yaml").write_text("author: [x]\n")
    assert any("meta.yaml: 1: begins with '['" in error for error in errors(submission))
    (submission / "meta.yaml").unlink()
    assert any("meta.yaml: missing; it must say author" in error for error in errors(submission))


def test_a_submission_is_written_into_an_empty_folder_only(submission: Path, tmp_path: Path):
    with pytest.raises(CorpusError, match="is not empty"):
        write_2021(submission, {"dev-clean": Encodings.open(tmp_path / "e/dev-clean")}, META)


def test_frames_that_the_challenge_cannot_place_are_not_written(tmp_path: Path):
    parts = {"dev-clean": ours(tmp_path / "a"), "dev-other": ours(tmp_path / "b", stride=160)}
    with pytest.raises(EncodingsError, match=r"as far apart in every part, but are: .*a 0.02 s, .*b 0.01 s"):
        write_2021(tmp_path / "s", parts, META)
    shifted = ours(tmp_path / "c")
    shifted.settings["offset"] = 0
    with pytest.raises(EncodingsError, match="centred on tick 0, but ZeroSpeech 2021 wants it on tick 160"):
        write_2021(tmp_path / "s", {"dev-clean": shifted}, META)
    with pytest.raises(EncodingsError, match=r"u1\.npy: 1 frames, but there must be 2 or more"):
        write_2021(tmp_path / "s", {"dev-clean": ours(tmp_path / "d", frames=FRAMES[:1])}, META)
    assert not (tmp_path / "s" / "meta.yaml").exists()  # what is not complete says so


def test_abxls_gets_double_precision_and_its_parameters(tmp_path: Path):
    write_abxls(tmp_path / "s", {"dev-clean": ours(tmp_path / "e")}, META)
    array = np.load(tmp_path / "s" / "dev-clean" / "u1.npy")
    assert array.dtype == np.float64 and array.shape == FRAMES.shape
    params = read_yaml(tmp_path / "s" / "params.yaml")
    assert params["feature_size"] == 0.02 and params["score_file_type"] == ".npy"
    golden = GOLDEN / "zrc_abxLS_scores_only"
    if golden.is_dir():
        assert params.keys() == read_yaml(golden / "params.yaml").keys()
        ours_too, theirs = read_yaml(tmp_path / "s" / "meta.yaml"), read_yaml(golden / "meta.yaml")
        assert theirs.keys() - ours_too.keys() == {"submission_id"}
        assert ours_too["publication"].keys() == theirs["publication"].keys()
        assert ours_too["model_info"].keys() == theirs["model_info"].keys()


def test_tables_of_scores_have_the_layout_of_the_challenges():
    table = phonetic_table({"dev-clean": {"within": 0.12345, "across": None}})
    assert table == "dataset,sub-dataset,type,score\ndev,clean,within,0.1235\ndev,clean,across,\n"
    golden = GOLDEN / "zrc_abxLS_scores_only" / "scores" / "score_all_phonetic.csv"
    if golden.exists():
        lines = abxls_table([("dev-clean", "within", "within", "triphone", 0.2034)]).splitlines()
        theirs = golden.read_text().splitlines()
        assert lines[0] == theirs[0]
        assert lines[1].split(",")[:6] == theirs[1].split(",")[:6]


def test_json_is_yaml(tmp_path: Path):
    (tmp_path / "x.yaml").write_text(json.dumps({"a": [1]}))
    assert read_yaml(tmp_path / "x.yaml") == {"a": [1]}
    (tmp_path / "x.yaml").write_text("{a: 1}")
    with pytest.raises(CorpusError, match="begins as JSON does"):
        read_yaml(tmp_path / "x.yaml")
