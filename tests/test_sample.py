"""unitdisc sample: units that a language model makes up, as a decoder says or writes them."""

import json
import re
import runpy
import shutil
from collections import Counter
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from tiny import listed, tree

import unitdisc as library
from unitdisc.corpus import FileError, Utterance
from unitdisc.corpus.manifest import write_manifest
from unitdisc.data import griffin_lim
from unitdisc.experiment import load
from unitdisc.generation import drawing
from unitdisc.generation.drawing import request
from unitdisc.generation.prompts import Beginnings, symbols_of
from unitdisc.generation.samples import ContinuationOptions, Sample
from unitdisc.language.errors import LanguageError
from unitdisc.language.lengths import Run, UnitLengths, nearest_known, spoken
from unitdisc.language.origin import origin_of
from unitdisc.language.reading import Source, read_source
from unitdisc.language.scores import PartBits, bits_after
from unitdisc.language.sequences import of_codes, of_strings
from unitdisc.language.storage import Card, open_language_model

pytest_plugins = ["tiny_fixtures"]

KINDS = ("codes", "units", "durations", "bpe")
SHORT = {"prompt_seconds": 0.2, "longest": 0.5, "samples": 2}


@pytest.fixture(scope="module", autouse=True)
def hasty():
    """Sounds are made in a moment, and sound like it."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(griffin_lim, "ITERATIONS", 2)
        yield


@pytest.fixture(scope="module")
def models(tiny_encodings, tmp_path_factory) -> dict[str, Path]:
    """Language models of the tiny experiment, one of each kind of symbols."""
    folder = tmp_path_factory.mktemp("models")
    for kind in KINDS:
        symbols = library.SymbolOptions(kind, bpe_size=12)
        library.lm_train("ngram", tiny_encodings / "bottleneck", folder / kind, ["order=2"], symbols=symbols)
    return {kind: folder / kind for kind in KINDS}


@pytest.fixture(scope="module")
def made(models, tiny_experiment, tiny_corpus, tmp_path_factory) -> Path:
    """Continuations by the model of units."""
    folder = tmp_path_factory.mktemp("made") / "out"
    options = ContinuationOptions(**SHORT)
    library.sample(
        tiny_experiment, models["units"], folder, options, prompts=tiny_corpus, limit=2, speaker="s1", device="cpu"
    )
    return folder


def entries(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]


# From units to frames


def test_lengths_are_those_of_runs():
    codes = [[1, 1, 1, 2, 1], [2, 2, 1, 1, 1], [3, 3]]
    found = UnitLengths.in_frames(of_codes(["a", "b", "c"], codes), "drawn", Path("x"), ["1", "2", "3"])
    expected: dict[str, list[int]] = {}
    for own in codes:
        for code, run in groupby(own):
            expected.setdefault(str(code), []).append(len([*run]))
    assert {unit: own.tolist() for unit, own in found.of.items()} == expected
    drawn = Counter(found.frames_of("1", np.random.default_rng(place)) for place in range(900))
    assert drawn.keys() == {1, 3} and abs(drawn[3] / 900 - 2 / 3) < 0.06
    assert replace(found, way="mean").frames_of("1", np.random.default_rng(0)) == 2  # of 3, 1 and 3
    assert found.facts()["units"]["2"] == {"runs": 2, "mean_frames": 1.5}


@pytest.mark.parametrize(
    "codes,units,message",
    [([[1, 2] * 60], ["1"], "no code follows itself"), ([[1, 1, 2]], ["1", "7"], "how long unit 7 lasts")],
)
def test_lengths_that_nothing_says_are_refused(codes, units, message):
    with pytest.raises(LanguageError, match=f"x: .*{message}"):
        UnitLengths.in_frames(of_codes(["a"], codes), "mean", Path("x"), units)


def test_what_is_spoken_ends_with_a_whole_symbol():
    runs = [[Run(4, 2)], [Run(5, 1), Run(6, 3)], [Run(7, 1)]]
    assert spoken(runs, 9) == ([4, 4, 5, 6, 6, 6, 7], 3, False)
    assert spoken(runs, 7) == ([4, 4, 5, 6, 6, 6, 7], 3, False)
    assert spoken(runs, 6) == ([4, 4, 5, 6, 6, 6], 2, True)
    assert spoken(runs, 5) == ([4, 4], 1, True)
    assert spoken(runs, 1) == ([], 0, True)


def test_the_nearest_length_that_is_known():
    known = ("<unk>", "<s>", "</s>", "7x1", "7x4", "17x3")
    assert [nearest_known(symbol, known) for symbol in ("7x2", "7x9", "17x1", "8x1")] == ["7x1", "7x4", "17x3", None]
    assert nearest_known("7x3", ("7x2", "7x4")) == "7x2"


@pytest.mark.parametrize("kind,expected", [("codes", range(9)), ("units", [0, 3, 5, 8]), ("durations", [0, 3, 5, 8])])
def test_symbols_begin_where_their_frames_do(kind, expected):
    codes = np.array([7, 7, 7, 3, 3, 9, 9, 9, 7])
    symbols, starts = symbols_of(Card("ngram", kind, (), longest=2), codes, Path("x"))
    assert starts.tolist() == [*expected] and len(symbols) == len(starts)
    merged, starts = symbols_of(Card("ngram", "bpe", (), longest=2, merges=[("7", "3")]), codes, Path("x"))
    assert (merged, starts.tolist()) == (["7+3", "9", "7"], [0, 5, 8])


# Bits


def test_bits_of_what_comes_after_are_sums_of_its_symbols(models):
    model = open_language_model(models["units"]).model
    strings = [["1", "2", "1"], ["2"], ["1", "99", "2", "1"]]
    known = {symbol for symbol in model.vocabulary.symbols if symbol.isdigit()}
    strings = [[symbol if symbol in known or symbol == "99" else min(known) for symbol in each] for each in strings]
    skipped, ended = [1, 0, 2], [True, False, False]
    for each, skip, end, found in zip(strings, skipped, ended, bits_after(model, strings, skipped, ended)):
        ids = [1, *(model.vocabulary.ids.get(symbol, 0) for symbol in each), 2]
        places = range(skip + 1, len(ids) if end else len(ids) - 1)
        expected = -sum(np.log2(model.next_probs(ids[:place])[ids[place]]) for place in places)
        assert found.symbols == len(places) and found.bits == pytest.approx(expected)
        assert found.unknown == sum(ids[place] == 0 for place in places)
    stream = model.vocabulary.stream(of_strings(["a"], [strings[0]]))
    (whole,) = bits_after(model, [strings[0]], [0], [True])
    assert whole.bits == pytest.approx(-model.log2_probs(stream).sum())


# The command


@pytest.mark.parametrize("kind", [*KINDS[:2], *(pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS[2:])])
def test_samples_are_their_prompts_and_what_the_model_says(kind, models, tiny_experiment, tiny_corpus, tmp_path):
    options = ContinuationOptions(**SHORT)
    files = library.sample(
        tiny_experiment, models[kind], tmp_path / "out", options, prompts=tiny_corpus, limit=2, device="cpu"
    )
    found, stored = entries(tmp_path / "out"), open_language_model(models[kind])
    assert [file.name for file in files] == [entry["file"] for entry in found]
    assert [entry["utterance"] for entry in found] == [
        f"u0{u}--{what}" for u in (0, 1) for what in ("units", "sample-1", "sample-2")
    ]
    for entry, file in zip(found, files):
        assert entry["codes"] == [
            code for code, own in zip(entry["units"], entry["durations"]) for code in [code] * own
        ]
        assert [code for code, _ in groupby(entry["codes"])] == entry["units"]
        own = next(other for other in found if other["prompt"] == entry["prompt"])
        prompt = entry["codes"][: entry["prompt_frames"]]
        assert len(prompt) == 10  # 0.2 s of 20 ms each
        if entry["made_up"]:
            assert prompt == next(e for e in found if e["prompt"] == entry["prompt"] and e["made_up"])["codes"][:10]
            assert 0 < len(entry["codes"]) - 10 <= 25
        else:
            assert entry is own and entry["ended"]
        assert soundfile.info(file).frames == 320 * len(entry["codes"])
    if kind == "codes":  # whose bits can be told from what is listed
        one = found[1]
        (bits,) = bits_after(stored.model, [[*map(str, one["codes"])]], [one["prompt_frames"]], [one["ended"]])
        assert (bits.bits, bits.symbols) == (pytest.approx(one["bits"]), one["symbols"])
    facts = json.loads((tmp_path / "out/sample.json").read_text())
    assert (facts["made_of"]["lengths"] is None) == (kind in ("codes", "durations"))
    assert facts["figures"]["made_up"]["symbols"] == sum(e["symbols"] for e in found if e["made_up"])


def test_the_prompt_knows_nothing_of_what_follows(made, models, tiny_experiment, tiny_corpus, tmp_path):
    """Its units are those of a recording that ends there."""
    first = listed(tiny_corpus)[0]
    write_manifest(tmp_path / "cut.jsonl", [replace(first, ticks=3200, alignment={})])
    (folder,) = library.encode(tiny_experiment, tmp_path / "cut.jsonl", tmp_path / "cut", ["bottleneck"], device="cpu")
    codes = list(library.Encodings.open(folder).codes["u00"])
    found = entries(made)[1]
    assert found["codes"][: found["prompt_frames"]] == codes


def test_what_is_drawn_is_what_the_experiment_makes_of_these_units(tiny_experiment, tiny_corpus, models):
    experiment, model = load(tiny_experiment)
    signals, utterance = experiment.signals(tiny_experiment), listed(tiny_corpus)[2]
    features = torch.from_numpy(signals.features_of(utterance))[None]
    with torch.inference_mode():
        units, lengths = model.encode(features, torch.tensor([features.shape[1]]))
        voice = torch.tensor([experiment.speakers.index("s3")])
        expected = model.conditioner(units.latents, lengths, voice)[0]
    own = Sample("x", "s3", units.codes[0].tolist(), None, 0, PartBits(0.0, 0, 0), True, True)
    found = request(model, own, signals, experiment, seed=4)
    torch.testing.assert_close(found.condition, expected)
    assert found.size == 2 * len(own.codes) and found.generator.initial_seed() == 4


def test_the_same_seed_gives_the_same_bytes_however_often_it_is_stopped(
    made, models, tiny_experiment, tiny_corpus, tmp_path, monkeypatch
):
    arguments = (tiny_experiment, models["units"], tmp_path / "out", ContinuationOptions(**SHORT))
    given = {"prompts": tiny_corpus, "limit": 2, "speaker": "s1", "device": "cpu"}
    written, write = [], drawing.write

    def stop(path, *rest):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(path)
        write(path, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(drawing, "write", stop)
        with pytest.raises(KeyboardInterrupt):
            library.sample(*arguments, **given)
    assert not (tmp_path / "out/samples.jsonl").exists()
    (tmp_path / "out" / ".u00--units.wav.1-abcdef.tmp").write_bytes(b"half")
    times = {path: path.stat().st_mtime_ns for path in written}
    library.sample(*arguments, **given)
    assert tree(tmp_path / "out") == tree(made)
    assert {path: path.stat().st_mtime_ns for path in written} == times
    other = ContinuationOptions(**SHORT | {"seed": 1})
    library.sample(*arguments[:2], tmp_path / "other", other, **given)
    assert [e["codes"] for e in entries(tmp_path / "other")] != [e["codes"] for e in entries(made)]


@pytest.mark.slow
def test_what_is_drawn_does_not_depend_on_what_is_drawn_beside_it(
    made, models, tiny_experiment, tiny_corpus, tmp_path, monkeypatch
):
    monkeypatch.setattr(drawing, "ITEMS_IN_A_GROUP", 1)
    library.sample(
        tiny_experiment,
        models["units"],
        tmp_path / "out",
        ContinuationOptions(**SHORT),
        prompts=tiny_corpus,
        limit=2,
        speaker="s1",
        device="cpu",
    )
    assert tree(tmp_path / "out") == tree(made)


def test_a_voice_changes_the_sound_and_not_the_units(made, models, tiny_experiment, tiny_corpus, tmp_path):
    library.sample(
        tiny_experiment,
        models["units"],
        tmp_path / "out",
        ContinuationOptions(**SHORT),
        prompts=tiny_corpus,
        limit=2,
        device="cpu",
    )
    for one, other in zip(entries(made), entries(tmp_path / "out")):
        assert (one["codes"], one["speaker"]) == (other["codes"], "s1")
        assert other["speaker"] == f"s{int(other['prompt'][1:])}"
    assert (made / "u00--units.wav").read_bytes() != (tmp_path / "out/u00--units.wav").read_bytes()


def test_samples_are_a_corpus(made):
    corpus = library.read_corpus(made / "corpus.jsonl")
    assert {u.id for u in corpus} == {entry["utterance"] for entry in entries(made)}
    assert library.validate(made / "corpus.jsonl") == []
    read = read_source(Source(made / "samples.jsonl")).sequences
    codes = {name: [*map(int, own)] for name, own in zip(read.names, read)}
    assert codes == {entry["utterance"]: entry["codes"] for entry in entries(made)}


def test_lines_are_gone_on_with(tiny_line_experiment, tiny_lines, tiny_line_encodings, unitdisc, tmp_path):
    made = unitdisc("lm-train", "ngram", tiny_line_encodings / "bottleneck", tmp_path / "lm", "--set", "order=2")
    assert made.code == 0, made.err
    options = ["--prompts", tiny_lines, "--limit", 1, "--longest", 3, "--device", "cpu", "--speaker", "w2"]
    done = unitdisc("sample", tiny_line_experiment, tmp_path / "lm", tmp_path / "out", *options)
    assert done.code == 0 and done.out == f"{tmp_path / 'out'}: 4 files, and index.html\n", done.err
    found = entries(tmp_path / "out")
    line = listed(tiny_lines)[0]
    assert found[1]["prompt_frames"] == round(line.ticks / 2 / 4) and found[1]["speaker"] == "w2"
    page = (tmp_path / "out/index.html").read_text()
    assert "new writing" in page and page.count('class="given"') >= 4


def test_from_nothing(models, tiny_experiment, unitdisc, tmp_path):
    options = ["--samples", 2, "--longest", 0.5, "--device", "cpu", "--lengths", "mean", "--top-k", 1]
    done = unitdisc("sample", tiny_experiment, models["units"], tmp_path / "out", *options)
    assert done.code == 0, done.err
    found = entries(tmp_path / "out")
    assert [entry["utterance"] for entry in found] == ["sample-1", "sample-2"]
    assert found[0]["codes"] == found[1]["codes"] and found[0]["prompt"] is None  # top-k 1 leaves nothing to chance
    assert "From nothing" in (tmp_path / "out/index.html").read_text()


def test_the_page_stands_alone_and_escapes_names(models, tiny_experiment, tiny_corpus, tmp_path):
    script = "<script>alert(1)</script>"
    first = replace(listed(tiny_corpus)[0], text=script, speaker=script)
    write_manifest(tmp_path / "corpus.jsonl", [first])
    options = ContinuationOptions(**SHORT)
    out, corpus = tmp_path / "out", tmp_path / "corpus.jsonl"
    library.sample(tiny_experiment, models["units"], out, options, prompts=corpus, device="cpu")
    page = (out / "index.html").read_text()
    assert script not in page and "&lt;script&gt;alert" in page
    assert page.count("<audio") == 4 and not re.search(r"""(src|href)=["']?(https?:)?//""", page)
    assert "what really followed" in page and "continuation 2" in page and "given" in page
    assert "bits per symbol" in page and "Which units follow which" in page


def test_a_prompt_that_cannot_be_is_left_out_and_said(models, tiny_experiment, tiny_corpus, unitdisc, tmp_path):
    corpus = tmp_path / "corpus.jsonl"
    first, second, *_ = listed(tiny_corpus)
    write_manifest(corpus, [first, replace(second, ticks=3200, alignment={})])
    options = ["--prompts", corpus, "--prompt-seconds", 0.3, "--longest", 0.5, "--device", "cpu"]
    done = unitdisc("sample", tiny_experiment, models["codes"], tmp_path / "out", *options)
    assert done.code == 0 and "1 left out, 1 kept" in done.err
    assert "u01 is no longer than the beginning" in done.err and "--prompt-seconds" in done.err


def test_beginnings_are_whole_latents():
    line = Utterance("l", "l.png", None, 100, height=16)
    assert Beginnings(2.0, 0.5).ticks_of(line, 8.0) == 48 and Beginnings(2.0, 0.01).ticks_of(line, 8.0) == 8
    recording = Utterance("r", "r.wav", None, 16_000, 8000)
    assert Beginnings(0.51, 0.5).ticks_of(recording, 160.0) == 4160
    with pytest.raises(FileError, match="no longer than the beginning"):
        Beginnings(2.0, 0.5).ticks_of(recording, 160.0)


# What is refused


def settings_kept(models: dict[str, Path], folder: Path, **changes) -> Path:
    """A language model whose card says something else of where its units are from."""
    shutil.copytree(models["units"], folder)
    card = json.loads((folder / "lm.json").read_text())
    for key, value in changes.items():
        card["made_of"][key] = value
    (folder / "lm.json").write_text(json.dumps(card))
    return folder


BAD = [  # options, what is said
    (["--samples", 0], "--samples must be 1 or more"),
    (["--limit", 0], "--limit must be 1 or more"),
    (["--temperature", -1], "--temperature must be 0 or more"),
    (["--top-p", 0], "--top-p must be above 0"),
    (["--top-k", 0], "--top-k must be 1 or more"),
    (["--seed", -1], "--seed must be 0 or more"),
    (["--prompt-seconds", 0], "--prompt-seconds must be above 0"),
    (["--prompt-share", 1], "--prompt-share must be above 0 and below 1"),
    (["--longest", 0], "--longest must be above 0"),
    (["--lengths", "median"], r"--lengths must be one of \['drawn', 'mean'\]"),
    (["--decoder-temperature", -1], "--decoder-temperature must be 0 or more"),
    (["--speaker", "nobody"], r"knows no speaker \['nobody'\]"),
    (["--symbols", "codes"], "is a model of units, not of codes; leave out --symbols"),
    (["--units", "nowhere"], "nowhere, which it was made of, is not there; give the encodings as --units"),
    (["--prompts", "nowhere.jsonl"], "nowhere.jsonl"),
]


@pytest.mark.parametrize("options,message", BAD, ids=lambda value: " ".join(map(str, value))[:30])
def test_options_that_cannot_be(options, message, models, tiny_experiment, unitdisc, tmp_path):
    done = unitdisc("sample", tiny_experiment, models["units"], tmp_path / "out", "--device", "cpu", *options)
    assert done.code == 1 and re.search(message, done.err) and done.err.count("\n") == 1, done.err
    assert not (tmp_path / "out" / "sample.json").exists()


def test_models_of_other_units_are_refused(models, tiny_experiment, tiny_line_experiment, tiny_corpus, tmp_path):
    def refused(message: str, model: Path, experiment: Path = tiny_experiment, **given) -> None:
        with pytest.raises(LanguageError, match=message):
            library.sample(experiment, model, tmp_path / "out", device="cpu", **given)
        assert not (tmp_path / "out" / "sample.json").exists()

    refused(r"was made of the units of experiment \(weights ", models["units"], tiny_line_experiment)
    library.lm_train("ngram", tiny_corpus, tmp_path / "phones", ["order=2"], tier="phone")
    refused("is a model of words, or labels", tmp_path / "phones")
    many = tmp_path / "many.jsonl"
    many.write_text('{"utterance": "x", "codes": [1, 1, 1, 40, 40, 2]}\n')
    library.lm_train("ngram", many, tmp_path / "many", ["order=2"])
    refused("has the unit 40, but codes of .*experiment are below 8", tmp_path / "many")
    cut = settings_kept(models, tmp_path / "cut", encodings={"point": "words", "segmentation": True})
    refused("was made of the units of no experiment, at the point words", cut)
    lost = settings_kept(models, tmp_path / "lost", path=str(tmp_path / "gone"))
    refused("which does not say how long these last, and .*gone, which it was made of, is not there", lost)
    refused("has units of another experiment", models["units"], units=other_units(tmp_path / "units"))


def other_units(folder: Path) -> Path:
    """Encodings that another model made."""
    settings = {"stride": 320, "offset": 160, "rate": 16_000, "model": "0123", "num_codes": 8}
    writer = library_writer(folder, settings)
    writer.finish()
    return folder


def library_writer(folder: Path, settings: dict):
    from unitdisc.encodings import Encoding, EncodingsWriter

    writer = EncodingsWriter(folder, settings)
    codes = np.array([1, 1, 2, 2, 3])
    writer.write(Encoding("u00", np.arange(5) * 320 + 160.0, np.zeros((5, 1), np.float32), codes=codes))
    return writer


def test_a_model_that_does_not_say_whose_units_it_knows_is_taken_and_that_is_said(
    models, tiny_experiment, tiny_encodings, unitdisc, tmp_path
):
    arpa = models["codes"] / "model.arpa"
    options = ["--symbols", "codes", "--samples", 1, "--longest", 0.3, "--device", "cpu"]
    done = unitdisc("sample", tiny_experiment, arpa, tmp_path / "out", *options)
    assert done.code == 0 and "does not say whose units it was made of" in done.err
    old = settings_kept(models, tmp_path / "old", encodings=None)  # as of before: what it was made of is looked at
    silent = unitdisc("sample", tiny_experiment, old, tmp_path / "new", "--samples", 1, "--device", "cpu")
    assert silent.code == 0 and "does not say" not in silent.err


def test_units_that_segment_made_are_of_no_experiment():
    settings = {"experiment": "vq", "model": "ab", "num_codes": 8, "point": "bottleneck", "stride": 3}
    kept = {"experiment": "vq", "model": "ab", "num_codes": 8, "point": "bottleneck"}
    assert origin_of(settings) == kept
    assert "model" not in origin_of(settings | {"segmentation": {"words": {}}})


def test_a_folder_of_something_else_is_left_alone(made, models, tiny_experiment, tiny_corpus, unitdisc, tmp_path):
    shutil.copytree(made, tmp_path / "out")
    options = ["--prompts", tiny_corpus, "--limit", 2, "--prompt-seconds", 0.2, "--device", "cpu"]
    before = tree(tmp_path / "out")
    done = unitdisc("sample", tiny_experiment, models["units"], tmp_path / "out", *options)
    assert done.code == 1 and "holds samples made in another way (options, speaker differ)" in done.err
    assert tree(tmp_path / "out") == before
    (tmp_path / "out/sample.json").write_text("[]")
    done = unitdisc("sample", tiny_experiment, models["units"], tmp_path / "out", *options)
    assert done.code == 1 and "sample.json: damaged" in done.err
    (tmp_path / "out/sample.json").unlink()
    done = unitdisc("sample", tiny_experiment, models["units"], tmp_path / "out", *options)
    assert done.code == 1 and "holds something else, for it has no sample.json" in done.err


@pytest.mark.parametrize(
    "name", ["bottleneck.kind=gaussian", pytest.param("bottleneck.warmup_steps=100", marks=pytest.mark.slow)]
)
def test_experiments_without_units_to_decode_are_refused(name, tiny_corpus, tmp_path, models):
    from tiny import settings

    options = [o for o in settings(training__steps=1)[1::2] if "bottleneck" not in o or "warmup" in name]
    library.train("small", tiny_corpus, tmp_path / "experiment", [*options, name], device="cpu")
    message = (
        "bottleneck 'gaussian' gives it more than these" if "gaussian" in name else "codebook has not been started"
    )
    with pytest.raises(ValueError, match=message):
        library.sample(tmp_path / "experiment", models["units"], tmp_path / "out", device="cpu")


# The table of eval/samples.py


def test_a_table_of_what_was_made_up(made, tiny_experiment, tiny_encodings, capsys, tmp_path, monkeypatch):
    shutil.copytree(made, tmp_path / "lm")
    corpus, again = made / "corpus.jsonl", tmp_path / "lm/again"
    library.encode(tiny_experiment, corpus, again, ["bottleneck"], device="cpu")
    scripts = Path(__file__).parent.parent / "eval"
    monkeypatch.syspath_prepend(str(scripts))
    script = runpy.run_path(str(scripts / "samples.py"))
    capsys.readouterr()
    script["main"]([str(tmp_path), str(tiny_encodings / "bottleneck")])
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[1] for row in rows] == ["what followed", "made up"]
    codes = library.Encodings.open(tiny_encodings / "bottleneck").codes.values()
    units = [[code for code, _ in groupby(own)] for own in codes]
    there = [own[at : at + 5] for own in units for at in range(len(own) - 4)]
    again = library.Encodings.open(tmp_path / "lm/again/bottleneck").codes
    for row, made_up in zip(rows, (False, True)):
        known, same = [], []
        for entry in entries(made):
            if entry["made_up"] == made_up:
                ends = np.cumsum(entry["durations"])
                for last in range(5, len(entry["units"]) + 1):
                    if ends[last - 1] > entry["prompt_frames"]:
                        known.append(entry["units"][last - 5 : last] in there)
                pairs = [*zip(entry["codes"], again[entry["utterance"]])]
                same += [a == b for a, b in pairs[entry["prompt_frames"] :]]
        assert float(row[6]) == pytest.approx(100 * np.mean(known), abs=0.051)
        assert float(row[7].rstrip(" |")) == pytest.approx(100 * np.mean(same), abs=0.051)
