"""The report: what it says, what it plays, and that it harms nobody who opens it."""

import base64
import copy
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import soundfile
from chromium import BINARY, Chromium
from PIL import Image

from unitdisc.corpus import Interval, Utterance, labels_at
from unitdisc.encodings import Encodings
from unitdisc.exports.units import read_units
from unitdisc.media.audio import write_audio
from unitdisc.reports.boxes import Box
from unitdisc.reports.clips import RATE, AudioStretch, mel_power, spectrogram_uri, unit_clip, utterance_clip
from unitdisc.reports.examples import Occurrence, by_different_speakers, labels_in_units, most_used, typical_utterances
from unitdisc.reports.figures import similar_rows
from unitdisc.reports.page import write_report
from unitdisc.reports.resyntheses import Made
from unitdisc.reports.score_rows import abx_rows, curves, measure, probe_warnings, training_seconds
from unitdisc.reports.summary import ReportError, on_labels, read_log
from unitdisc.reports.wording import RECORDINGS

HOSTILE = "<script>document.title='taken'</script>"
PITCH = {"SIL": 0, "aa": 400, "ss": 3000, HOSTILE: 1200}
POINTS = ("mfcc", "encoder", "projection", "bottleneck", "condition")
ABX = dict(zip(POINTS, [(0.10, 0.24), (0.08, 0.16), (0.08, 0.15), (0.09, 0.18), (0.08, 0.12)], strict=True))


def recorded(folder, name: str, speaker: str, gender: str, phones: list[str]) -> Utterance:
    """A fifth of a second of tone for every phone."""
    size = RATE // 5
    seconds = np.arange(size) / RATE
    noise = np.random.default_rng(len(name)).normal(0, 1e-3, size * len(phones))
    wave = np.concatenate([0.2 * np.sin(2 * np.pi * PITCH[phone] * seconds) for phone in phones]) + noise
    path = folder / f"{len(list(folder.iterdir()))}.flac"
    write_audio(path, wave, RATE)
    tier = [Interval(place * size, (place + 1) * size, phone) for place, phone in enumerate(phones)]
    return Utterance(name, str(path), speaker, len(wave), RATE, gender=gender, text=HOSTILE, alignment={"phone": tier})


def encoded(folder, utterances: list[Utterance], discrete: bool = True) -> Encodings:
    """One unit per phone, but for every seventh frame."""
    folder.mkdir(parents=True)
    (folder / "encodings.json").write_text(json.dumps({"point": "bottleneck", "stride": 320, "offset": 160}))
    lines = []
    for utterance in utterances:
        centres = np.arange(160, utterance.ticks, 320)
        codes = [list(PITCH).index(label) + 3 for label in labels_at(utterance.alignment["phone"], centres)]
        codes = [code if place % 7 else 9 for place, code in enumerate(codes)]
        np.save(folder / f"{utterance.id}.npy", np.zeros((len(codes), 2), np.float32))
        lines.append(json.dumps({"utterance": utterance.id, "codes": codes if discrete else None}) + "\n")
    (folder / "units.jsonl").write_text("".join(lines))
    return Encodings.open(folder)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> list[Utterance]:
    folder = tmp_path_factory.mktemp("corpus")
    voices = {HOSTILE: "f", "s2": "m", "s3": "f", "s4": "m"}
    orders = [["SIL", "aa", "ss", HOSTILE, "SIL"], ["ss", "aa", "aa", HOSTILE], ["aa", "ss", "SIL", "aa", "aa"]]
    return [
        recorded(folder, f'u{number}"><b>{order}', speaker, gender, phones)
        for number, (speaker, gender) in enumerate(voices.items())
        for order, phones in enumerate(orders)
    ]


@pytest.fixture(scope="module")
def encodings(corpus, tmp_path_factory) -> Encodings:
    return encoded(tmp_path_factory.mktemp("encodings") / "bottleneck", corpus)


def made_scores() -> dict:
    probes = {
        "labels": {"accuracy": 0.6, "majority": 0.3, "classes": 3, "items": 300, "speakers": 4, "folds": 3},
        "speaker": {"accuracy": 0.4, "majority": 0.25, "classes": 4, "items": 12, "speakers": 4, "folds": 3},
        "gender": {"accuracy": None, "why": f"no genders {HOSTILE}"},
        "mel": {"r2": 0.5, "items": 500, "speakers": 4, "folds": 3},
    }
    return {
        "abx": {point: {"within": within, "across": across} for point, (within, across) in ABX.items()},
        "probes": {point: copy.deepcopy(probes) for point in POINTS},
        "units": {"usage": {"used": 5, "perplexity": 4.2, "frames": 700}, "bitrate": {"bits_per_second": 99.0}},
        "settings": {"tier": "phone", "seed": 0},
        "versions": {"unitdisc": "0.1.0"},
    }


def made_experiment(home) -> Path:
    folder = home / "tones $x$ & <b>"
    folder.mkdir()
    settings = {"options": {"encoder": {"kind": HOSTILE}, "training": {"halve_at": [4, 8]}}, "corpus": {"hours": 0.5}}
    (folder / "experiment.json").write_text(json.dumps(settings))
    entry = {"split": "train", "learning_rate": 1e-3, "metrics": {"perplexity": 4.0}}
    steps = [{**entry, "step": step, "seconds": step / 2, "losses": {"reconstruction": 9 / step}} for step in (1, 2, 3)]
    (folder / "log.jsonl").write_text("".join(json.dumps(step) + "\n" for step in steps) + '{"step": 4, "los')
    return folder


@pytest.fixture
def scores() -> dict:
    return made_scores()


@pytest.fixture
def experiment(tmp_path) -> Path:
    return made_experiment(tmp_path)


class Contents(HTMLParser):
    """The addresses, elements and text of a page."""

    def __init__(self, page: str):
        super().__init__(convert_charrefs=True)
        self.addresses, self.elements, self.text, self.rows = [], [], "", []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.elements.append(tag)
        names = ("src", "href", "xlink:href", "poster", "action", "data", "srcset", "background")
        self.addresses += [value for name, value in attributes if name in names]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        if tag == "table":
            self.rows.append([])  # what follows is in no row

    def handle_data(self, data):
        self.text += data
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data.strip()


def made_report(home: Path, corpus: list[Utterance], encodings: Encodings) -> Path:
    """A page with everything that can be on one."""
    write_audio(home / "again.wav", 0.3 * np.sin(np.arange(8000) / 5), 8000)
    again = {corpus[1].id: [Made(f"in another voice {HOSTILE}", home / "again.wav")]}
    others = {f"other $\\x$ {HOSTILE}": made_scores()}
    return write_report(made_experiment(home), corpus, {"bottleneck": encodings}, made_scores(), others, again)


@pytest.fixture(scope="module")
def report(corpus, encodings, tmp_path_factory) -> Path:
    return made_report(tmp_path_factory.mktemp("report"), corpus, encodings)


def read(page) -> Contents:
    return Contents(page.read_text(encoding="utf-8"))


# What it says.


def test_scores_json_has_every_score_and_where_it_comes_from(report, scores):
    written = json.loads((report.parent / "scores.json").read_text())
    assert {key: written[key] for key in scores} == scores
    assert written["experiment"]["options"]["training"] == {"halve_at": [4, 8]}
    assert written["training"]["steps"] == "3"
    assert written["corpus"]["speakers"] == "4 (2 f, 2 m)"
    assert list(written["compare"].values()) == [scores]


def test_what_is_not_finite_is_null_in_json(experiment, scores):
    scores["abx"]["encoder"]["within"] = np.float32("nan")
    page = write_report(experiment, [], {}, scores)
    text = (page.parent / "scores.json").read_text()
    assert json.loads(text, parse_constant=pytest.fail)["abx"]["encoder"]["within"] is None


def test_abx_stands_beside_the_mfcc(report):
    rows = {row[0]: row[1:] for row in reversed(read(report).rows) if len(row) == 5}
    assert rows["MFCC"] == ["10.0%", "", "24.0%", ""]
    assert rows["condition"] == ["8.0%", "-20%", "12.0%", "-50%"]
    assert "12.0% of the cases, the untrained features (MFCC) in 24.0%: 50% fewer errors." in read(report).text


def test_what_the_encoder_reads_is_told_beside_what_it_learned(scores):
    abx = {"mfcc": scores["abx"]["mfcc"], "features": {"within": 0.05, "across": 0.03}, **scores["abx"]}
    told = on_labels(scores | {"abx": abx}, RECORDINGS)
    assert told.endswith("in 24.0%: 50% fewer errors; the features that the encoder reads in 3.0%.")
    assert [row.point for row in abx_rows(scores | {"abx": abx})][:3] == ["mfcc", "features", "encoder"]


def test_changes_are_relative_to_the_mfcc(scores):
    (row,) = [row for row in abx_rows(scores) if row.point == "encoder"]
    assert row.within_change == pytest.approx(-0.2) and row.across_change == pytest.approx(-1 / 3)


def test_a_page_says_what_was_drawn_of_more_and_where_others_drew_something_else(experiment, scores):
    sampling = {"kind": "hashed", "max_size_group": 10, "max_x_across": 5, "seed": 3459, "order": None}
    drawn = {"utterances": 1000, "of": 20_000, "seed": 7}
    sampled = scores | {"settings": scores["settings"] | {"abx": {"sampling": sampling}, "drawn": drawn}}
    said = " ".join(read(write_report(experiment, [], {}, sampled, {"other": sampled})).text.split())
    apart = " ".join(read(write_report(experiment, [], {}, sampled, {"other": scores})).text.split())
    sample = "a sample: at most 10 items of one phone by one speaker, and 5 other speakers for each (seed 3459)"
    assert f"Not all were compared, but {sample}." in said
    assert "0, drawn by chance of 20,000 (seed 7)" in said
    assert "differ by that alone" not in said
    assert f"differ by that alone: {experiment.name}, {sample}; other, all." in apart
    whole = " ".join(read(write_report(experiment, [], {}, scores, {"other": scores})).text.split())
    assert "sample" not in whole and "drawn by chance" not in whole


def test_what_was_not_measured_is_said_with_its_reason(report):
    assert f"Missing (–): no genders {HOSTILE}" in " ".join(read(report).text.split())


def test_what_an_accuracy_does_not_mean_is_said(experiment, scores):
    scores["probes"]["mfcc"]["speaker"]["warning"] = f"no evidence {HOSTILE}"
    assert probe_warnings(scores) == [f"MFCC, speaker: no evidence {HOSTILE}"]
    page = read(write_report(experiment, [], {}, scores))
    assert f"MFCC, speaker: no evidence {HOSTILE}" in " ".join(page.text.split())


@pytest.mark.parametrize(
    ("scores", "why"),
    [
        ({}, "not measured"),
        ({"abx": None}, "not measured"),
        ({"abx": {"why": "no tier"}}, "no tier"),
        ({"abx": {"mfcc": {"within": None, "why": "one speaker"}}}, "one speaker"),
        ({"abx": {"mfcc": {"within": float("nan")}}}, "not measured"),
    ],
)
def test_a_missing_figure_has_a_reason(scores, why):
    assert (measure(scores, "abx", "mfcc", "within").value, measure(scores, "abx", "mfcc", "within").why) == (None, why)


def test_the_last_line_of_a_killed_training_is_left_out(experiment):
    log = read_log(experiment / "log.jsonl")
    assert [entry["step"] for entry in log] == [1, 2, 3]
    assert [curve.name for curve in curves(log)] == ["reconstruction", "perplexity"]
    assert curves(log)[0].points == {"train": [(1, 9.0), (2, 4.5), (3, 3.0)]}


def test_training_time_counts_on_after_a_resume():
    assert training_seconds([{"seconds": 5}, {"seconds": 9}, {}, {"seconds": 2}, {"seconds": 4}]) == 13


@pytest.mark.parametrize("content", ["{", "3"])
def test_a_damaged_experiment_is_named(experiment, content):
    (experiment / "experiment.json").write_text(content)
    with pytest.raises(ReportError, match=r"experiment\.json: damaged"):
        write_report(experiment, [], {}, {})


def test_a_missing_experiment_is_named(tmp_path):
    with pytest.raises(ReportError, match="no such folder; `unitdisc train` makes one"):
        write_report(tmp_path / "none", [], {}, {})


def test_nothing_but_a_folder_makes_a_page(tmp_path):
    text = " ".join(read(write_report(tmp_path, [], {}, {})).text.split())
    assert "No training was logged" in text
    assert "No units to show: there are no encodings of the point `bottleneck`." in text
    assert "Missing (–): not measured" in text


def test_a_continuous_bottleneck_has_no_units(experiment, corpus, scores, tmp_path):
    continuous = encoded(tmp_path / "continuous", corpus, discrete=False)
    text = read(write_report(experiment, corpus, {"bottleneck": continuous}, scores)).text
    assert "No units to show: the bottleneck is continuous: it gives vectors, not units." in text


def test_a_corpus_without_labels_is_heard_all_the_same(experiment, corpus, encodings, scores):
    bare = [replace(utterance, alignment={}, text=None, speaker=None, gender=None) for utterance in corpus]
    page = read(write_report(experiment, bare, {"bottleneck": encodings}, scores))
    assert "the corpus has no labels to compare with" in page.text
    assert page.elements.count("audio") > 20
    assert "speaker unknown" in page.text


def test_a_recording_that_is_gone_is_named_and_the_rest_is_heard(experiment, corpus, encodings, scores):
    moved = [replace(corpus[0], path="gone.flac"), *corpus[1:]]
    page = read(write_report(experiment, moved, {"bottleneck": encodings}, scores))
    assert "gone.flac: no such file" in page.text
    assert page.elements.count("audio") > 15


def test_the_same_input_gives_the_same_page(report, corpus, encodings, tmp_path):
    assert made_report(tmp_path, corpus, encodings).read_bytes() == report.read_bytes()


# That it harms nobody.


def test_all_colours_that_the_style_takes_are_in_it(report):
    style = re.search(r"<style>(.*?)</style>", report.read_text(), re.DOTALL)[1]
    assert {"--ground", "--paper"} <= {*re.findall(r"(--\w+):", style)}


def test_everything_is_inside_the_page(report):
    page = read(report)
    assert len(page.addresses) > 100
    assert [address for address in page.addresses if not address.startswith(("data:", "#"))] == []
    assert "default-src 'none'" in report.read_text()
    assert report.stat().st_size < 3e6


def test_what_the_data_say_is_shown_and_not_obeyed(report):
    page = read(report)
    assert page.elements.count("script") == 1
    assert page.text.count(HOSTILE) > 20
    assert "tones $x$ & <b>" in page.text
    assert "b" in page.elements  # of ours, but none of an id
    assert 'u0"><b>' not in report.read_text()


# Which examples it shows.


def test_units_are_counted_under_the_labels_and_silence_is_not(corpus, encodings):
    found = labels_in_units(corpus, encodings, "phone")
    expected = {}
    for utterance in corpus:
        for place, code in enumerate(encodings.codes[utterance.id]):
            tick = 160 + 320 * place
            (label,) = [label for start, end, label in utterance.alignment["phone"] if start <= tick < end]
            if label != "SIL":
                expected[label, code] = expected.get((label, code), 0) + 1
    cells = [(label, code) for label in found.labels for code in found.codes]
    counts = dict(zip(cells, found.counts.ravel().tolist(), strict=True))
    assert {cell: count for cell, count in counts.items() if count} == expected


def test_the_most_used_units_come_first_and_silence_last(corpus, encodings):
    usages = most_used(labels_in_units(corpus, encodings, "phone"), corpus, encodings, "phone", 12, 4)
    assert [usage.code for usage in usages][:2] == [4, 5]  # aa, ss
    assert 3 not in [usage.code for usage in usages]  # silence
    assert sum(usage.share for usage in usages) == pytest.approx(1)
    assert usages[0].labels == [("aa", 1.0)]


def test_examples_come_from_different_speakers_women_and_men_in_turn(corpus, encodings):
    (usage, *_) = most_used(labels_in_units(corpus, encodings, "phone"), corpus, encodings, "phone", 1, 4)
    heard = [example.utterance for example in usage.examples]
    assert len({utterance.speaker for utterance in heard}) == 4
    assert [utterance.gender for utterance in heard] == ["f", "m", "f", "m"]
    for example in usage.examples:
        assert example.interval in read_units(encodings, example.utterance).intervals
        assert example.interval.label == str(usage.code)


def test_examples_of_one_speaker_are_all_there_is(corpus, encodings):
    (usage, *_) = most_used(labels_in_units(corpus, encodings, "phone"), corpus, encodings, "phone", 1, 99)
    assert len(usage.examples) == usage.runs
    again = by_different_speakers(list(reversed(usage.examples)), 99, seed=0)
    assert len(again) == usage.runs and by_different_speakers([], 5, seed=0) == []


def test_whole_utterances_begin_with_those_asked_for(corpus):
    shown = typical_utterances(corpus, 3, first=[corpus[7].id])
    assert shown[0] == corpus[7]
    assert len({utterance.speaker for utterance in shown}) == 3
    assert len(typical_utterances(corpus[:3], 3)) == 3  # one speaker is better than nothing


def test_rows_that_are_alike_stand_together():
    frames = np.array([[9, 1, 0, 0], [0, 0, 5, 5], [90, 12, 0, 0], [0, 0, 49, 51], [8, 1, 1, 0]])
    order = similar_rows(frames).tolist()
    assert sorted(order) == [0, 1, 2, 3, 4]
    assert abs(order.index(1) - order.index(3)) == 1


# What is seen and heard.


def opened(uri: str) -> bytes:
    return base64.b64decode(uri.split(",", 1)[1])


def test_boundaries_are_drawn_where_the_units_change(corpus, encodings):
    units = read_units(encodings, corpus[0]).intervals
    clip = utterance_clip(corpus[0], {"unit": units}, pixels=100)
    assert clip.width == 100 and clip.seconds == 1
    drawn = [(box.x / 100 * RATE, (box.x + box.width) / 100 * RATE, box.label) for box in clip.lanes["unit"]]
    assert drawn == [pytest.approx(unit, abs=2) if not isinstance(unit, str) else unit for unit in drawn]
    assert [box.label for box in clip.lanes["unit"]] == [unit.label for unit in units]
    assert [start for start, _, _ in drawn] == pytest.approx([unit.start for unit in units], abs=2)


def test_a_long_utterance_is_cut(corpus):
    clip = utterance_clip(corpus[0], {"phone": corpus[0].alignment["phone"]}, pixels=100, longest=0.5)
    assert clip.seconds == 0.5
    assert [box.label for box in clip.lanes["phone"]] == ["SIL", "aa", "ss"]
    assert clip.lanes["phone"][-1].x + clip.lanes["phone"][-1].width == pytest.approx(50)


def test_a_unit_is_heard_louder_than_what_surrounds_it(corpus):
    unit = Interval(4800, 6400, "4")  # the last half of a tone that goes on to be another one
    clip = unit_clip(corpus[0], unit, {"unit": [unit]}, pixels=100)
    wave, rate = soundfile.read(io.BytesIO(opened(clip.sound)))
    assert (rate, len(wave)) == (RATE, 4800)
    assert clip.focus == pytest.approx((10, 10))
    levels = [np.abs(part).max() for part in (wave[200:1400], wave[1800:3000], wave[3400:4600])]
    assert levels[1] == pytest.approx(0.7, abs=0.01)
    assert levels[0] == pytest.approx(levels[1] / 4, rel=0.02) and levels[2] == pytest.approx(levels[1] / 4, rel=0.02)


@pytest.mark.parametrize("unit", [Interval(0, 320, "3"), Interval(15_680, 16_000, "3"), Interval(0, 16_000, "3")])
def test_a_unit_at_the_edge_of_an_utterance_is_heard(corpus, unit):
    clip = unit_clip(corpus[0], unit, corpus[0].alignment, pixels=100)
    left, width = clip.focus
    assert left >= 0 and left + width <= clip.width + 1
    assert all(box.x >= 0 < box.width and box.x + box.width <= clip.width + 1 for box in clip.lanes["phone"])
    assert len(soundfile.read(io.BytesIO(opened(clip.sound)))[0]) == round(clip.seconds * RATE)


def test_a_pause_stays_quiet(corpus):
    clip = unit_clip(corpus[0], Interval(640, 960, "3"), {}, pixels=100)
    assert np.abs(soundfile.read(io.BytesIO(opened(clip.sound)))[0]).max() < 0.05
    assert np.asarray(Image.open(io.BytesIO(opened(clip.spectrogram)))).mean() > 200  # nearly white


def test_a_tone_is_drawn_at_its_height():
    for pitch in (300, 1000, 4000):
        wave = np.sin(2 * np.pi * pitch * np.arange(RATE) / RATE).astype(np.float32)
        part = AudioStretch(wave, float(mel_power(wave, 128).max()))
        picture = np.asarray(Image.open(io.BytesIO(opened(spectrogram_uri(part, 200)))))
        darkest = len(picture) - 1 - int(picture[:, 50:150].mean(1).argmin())
        mels = 2595 * np.log10(1 + np.array([60, pitch, 8000]) / 700)
        assert darkest / len(picture) == pytest.approx((mels[1] - mels[0]) / (mels[2] - mels[0]), abs=0.06)


def test_recordings_of_any_rate_are_heard_at_one_rate(tmp_path):
    path = tmp_path / "low.wav"
    write_audio(path, 0.1 * np.sin(2 * np.pi * 500 * np.arange(8000) / 8000), 8000)
    clip = utterance_clip(Utterance("low", str(path), None, 8000, 8000), {}, pixels=100)
    wave, rate = soundfile.read(io.BytesIO(opened(clip.sound)))
    assert (rate, len(wave)) == (RATE, RATE)
    assert np.abs(np.fft.rfft(wave)).argmax() == 500


@pytest.mark.parametrize(
    ("box", "fits"),
    [
        (Box(0, 30, "12"), "across"),
        (Box(0, 11, "12"), "upright"),
        (Box(0, 5, "12"), "no"),
        (Box(0, 20, "long"), "upright"),
    ],
)
def test_labels_are_drawn_where_they_fit(box, fits):
    assert box.fits == fits


# In a browser.

LOADED = """Promise.all([...document.querySelectorAll("audio")].map((audio) => new Promise((done) => {
    const tell = () => done([audio.readyState, audio.duration, audio.error && audio.error.message]);
    audio.addEventListener("loadedmetadata", tell);
    audio.addEventListener("error", tell);
    if (audio.readyState) tell(); else { audio.preload = "auto"; audio.load(); }
})))"""
PLAYING = '[...document.querySelectorAll("audio")].flatMap((audio, place) => audio.paused ? [] : [place])'


@pytest.fixture
def browser(report, tmp_path):
    if BINARY is None:
        pytest.skip("no Chromium on this computer")
    with Chromium(tmp_path / "profile") as chromium:
        chromium.open(report)
        yield chromium


@pytest.mark.slow
def test_the_page_opens_in_chromium_and_plays(browser, report):
    assert browser.evaluate("document.title") == "tones $x$ & <b>: discovered units"
    sounds = browser.evaluate(LOADED)
    assert len(sounds) == read(report).elements.count("audio") > 20
    assert [sound for sound in sounds if not (sound[0] >= 1 and 0.1 < sound[1] < 9)] == []

    browser.click(".compact .clip button")
    assert browser.wait_for('document.querySelector(".compact audio").currentTime > 0.02')
    browser.click(".whole button")
    assert browser.wait_for('document.querySelector(".whole audio").currentTime > 0.4')  # from where it was clicked
    assert len(browser.evaluate(PLAYING)) <= 1
    browser.click(".all")
    last = 'document.querySelector(".compact .clip:last-child audio")'
    assert browser.wait_for(f"{last}.ended")

    assert browser.requests == [report.resolve().as_uri()]
    assert browser.errors == []


def test_nothing_is_wider_than_the_screen(browser):
    for width in (1200, 360):
        browser.call("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False)
        assert browser.evaluate("document.documentElement.scrollWidth") <= width


def test_logs_keep_their_lines_whole(tmp_path):
    entries = [{"step": step, "note": "a\u2028b\x85c"} for step in (1, 2)]
    lines = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)
    (tmp_path / "log.jsonl").write_bytes(lines.encode() + b'{"step": 3, "\xe9')  # torn by a kill
    assert read_log(tmp_path / "log.jsonl") == entries


def test_runs_to_listen_to_are_of_typical_length():
    """The median, not the shortest or the longest."""
    speaker = Utterance("u", "u.wav", "s", 16_000, 16_000)
    lengths = [100, 900, 500, 200, 800, 490, 520]
    runs = [Occurrence(speaker, Interval(1000, 1000 + length, "3")) for length in lengths]
    chosen = [run.interval.end - run.interval.start for run in by_different_speakers(runs, 3, seed=1)]
    assert chosen == [500, 490, 520]
