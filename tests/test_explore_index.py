"""explore: the index, made once; rows of it; the folder of pages; what cannot be is refused."""

import json
import re
import socket
import subprocess
import sys
import tracemalloc
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from chromium import BINARY, Chromium
from tiny import listed, make_corpus, make_lines, tree

import unitdisc as library
from unitdisc.corpus import CorpusError
from unitdisc.corpus.manifest import write_manifest
from unitdisc.encodings import Encoding, Encodings, EncodingsError, EncodingsWriter
from unitdisc.encodings.runs import runs_of
from unitdisc.explorer import building, pictures, vectors
from unitdisc.explorer.building import index_made
from unitdisc.explorer.index import CorpusIndex
from unitdisc.explorer.patterns import PatternError, parse, search
from unitdisc.explorer.sounds import Wave
from unitdisc.naming.table import NamesError

pytest_plugins = ["tiny_fixtures"]

HOP = 160


def quiet(*asked, **more):
    return nullcontext(lambda number: None)


def coded(folder, corpus, hop=HOP, **settings):
    """Random codes in runs, and frames that are one for every code."""
    given = {"rate": None, "stride": hop, "offset": hop / 2, "num_codes": 9, "point": "bottleneck"}
    writer, rng = EncodingsWriter(folder, given | settings), np.random.default_rng(0)
    for utterance in listed(corpus):
        centres = np.arange(hop / 2, utterance.ticks, hop)
        codes = np.repeat(rng.integers(0, 9, len(centres)), rng.integers(1, 6, len(centres)))[: len(centres)]
        writer.write(
            Encoding(utterance.id, centres, np.eye(9, 4, dtype=np.float32)[codes] + codes[:, None], codes=codes)
        )
    writer.finish()
    return folder


@pytest.fixture(scope="module")
def speech(tmp_path_factory):
    home = tmp_path_factory.mktemp("speech")
    corpus = make_corpus(home / "corpus", 7)
    return corpus, coded(home / "units", corpus)


@pytest.fixture(scope="module")
def index(speech, tmp_path_factory):
    corpus, units = speech
    home = tmp_path_factory.mktemp("index")
    index_made(home, [units], corpus, progress=quiet)
    return CorpusIndex.open(home)


def test_the_index_has_all_that_the_corpus_and_the_units_have(speech, index):
    corpus, units = speech
    encodings, utterances = Encodings.open(units), listed(corpus)
    assert len(index) == len(utterances)
    for place, utterance in enumerate(utterances):
        assert index.whole(place) == utterance and index.speaker_of(place) == utterance.speaker
        assert index.place_of(utterance.id) == place
        codes = encodings.codes[utterance.id]
        wanted = runs_of(codes, encodings.centres(utterance.id, len(codes)), utterance.ticks)
        assert index.intervals(index.rows[0], place) == wanted.labelled()
    assert index.place_of("u99") is None and index.place_of("") is None
    with pytest.raises(IndexError):
        index.utterance(len(utterances))


def test_inverted_lists_have_every_occurrence(index):
    for row in index.rows:
        for symbol in range(len(row.names)):
            positions = row.positions(symbol)
            assert positions.tolist() == np.flatnonzero(row.symbols == symbol).tolist()
            for step in (-1, 1):
                counts = np.zeros(len(row.names), int)
                for position in positions.tolist():
                    place = int(row.places(np.array([position]))[0])
                    if row.at[place] <= position + step < row.at[place + 1]:
                        counts[row.symbols[position + step]] += 1
                assert row.neighbours(positions, step).tolist() == counts.tolist()


def test_the_index_is_made_once_and_again_after_a_change(tmp_path):
    corpus = make_corpus(tmp_path / "corpus", 3)
    units, home = coded(tmp_path / "units", corpus), tmp_path / "index"
    assert index_made(home, [units], corpus, progress=quiet)
    before = tree(home)
    assert not index_made(home, [units], corpus, progress=quiet) and tree(home) == before
    write_manifest(corpus, listed(corpus)[:2])
    assert index_made(home, [units], corpus, progress=quiet) and len(CorpusIndex.open(home)) == 2
    (home / "index.json").write_text("{")
    with pytest.raises(CorpusError, match="holds no index"):
        CorpusIndex.open(home)


def test_an_index_that_was_not_finished_is_none(tmp_path, monkeypatch):
    corpus = make_corpus(tmp_path / "corpus", 3)
    units, home = coded(tmp_path / "units", corpus), tmp_path / "index"
    index_made(home, [units], corpus, progress=quiet)
    write_manifest(corpus, listed(corpus)[:2])
    monkeypatch.setattr(building, "write_lines", lambda *asked: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        index_made(home, [units], corpus, progress=quiet)
    with pytest.raises(CorpusError, match="holds no index"):
        CorpusIndex.open(home)


def test_blanks_are_no_unit_and_frames_alone_have_none(tmp_path):
    corpus = make_corpus(tmp_path / "corpus", 3)
    home = tmp_path / "index"
    index_made(home, [coded(tmp_path / "units", corpus, blank=0)], corpus, progress=quiet)
    row = CorpusIndex.open(home).rows[0]
    assert "0" not in row.names and (row.ends[:-1] != row.starts[1:]).any()
    writer = EncodingsWriter(tmp_path / "frames", {"stride": HOP, "offset": HOP / 2})
    for utterance in listed(corpus):
        centres = np.arange(HOP / 2, utterance.ticks, HOP)
        writer.write(Encoding(utterance.id, centres, np.zeros((len(centres), 2), np.float32)))
    writer.finish()
    index_made(home, [tmp_path / "frames"], corpus, progress=quiet)
    index = CorpusIndex.open(home)
    assert index.units is None and [row.title for row in index.rows] == ["phone"]


def test_several_folders_are_rows(speech, tmp_path):
    corpus, units = speech
    other = coded(tmp_path / "others", corpus, hop=2 * HOP)
    index_made(tmp_path / "index", [units, other], corpus, progress=quiet)
    titles = [row.title for row in CorpusIndex.open(tmp_path / "index").rows]
    assert titles == ["units of units", "units of others", "phone"]


def test_a_kaldi_directory_is_indexed(tmp_path):
    corpus = make_corpus(tmp_path / "corpus", 2)
    kaldi = tmp_path / "kaldi"
    kaldi.mkdir()
    (kaldi / "wav.scp").write_text("".join(f"{u.id} {u.path}\n" for u in listed(corpus)))
    (kaldi / "utt2spk").write_text("".join(f"{u.id} {u.speaker}\n" for u in listed(corpus)))
    units, home = coded(tmp_path / "units", corpus), tmp_path / "index"
    index_made(home, [units], kaldi, progress=quiet)
    index = CorpusIndex.open(home)
    assert [index.utterance(place).id for place in range(2)] == ["u00", "u01"] and index.rows[0].kind == "units"
    (kaldi / "utt2spk").write_text("".join(f"{u.id} other\n" for u in listed(corpus)))
    assert index_made(home, [units], kaldi, progress=quiet) and CorpusIndex.open(home).speakers == ["other"]


def test_utterances_are_filtered(index, speech):
    ids = [utterance.id for utterance in listed(speech[0])]
    assert [ids[place] for place in index.matching("U0")] == ids
    assert [ids[place] for place in index.matching("05")] == ["u05"]
    assert [ids[place] for place in index.matching("", "s1")] == ["u01", "u05"]
    assert not len(index.matching(".")) and not len(index.matching("u05\tx")) and not len(index.matching("", "nobody"))


def test_vectors_are_means_of_frames(speech, index):
    units, row = Encodings.open(speech[1]), index.rows[0]
    frames = np.concatenate([each.frames for each in units])
    codes = np.concatenate([each.codes for each in units])
    found = vectors.unit_vectors(index, row)
    for symbol, name in enumerate(row.names):
        np.testing.assert_allclose(found.vectors[symbol], frames[codes == int(name)].mean(0), rtol=1e-5)
    (nearest, distance), *_ = found.nearest(0)
    scaled = vectors.standardised(found.vectors)
    apart = np.linalg.norm(scaled[1:] - scaled[0], axis=1)
    assert nearest == 1 + np.argmin(apart) and distance == pytest.approx(apart.min())
    assert found.mapped("PCA").min() == 0 and found.mapped("PCA").max() == 1


def test_principal_components_are_those_of_scikit_learn():
    from sklearn.decomposition import PCA

    given = np.random.default_rng(0).normal(size=(20, 5)) * [5, 3, 1, 1, 1]
    ours, theirs = vectors.principal(given), PCA(2).fit_transform(given)
    np.testing.assert_allclose(np.abs(ours), np.abs(theirs), rtol=1e-6)


def test_a_spectrogram_shows_where_energy_is():
    rate, seconds = 16_000, np.arange(16_000) / 16_000
    wave = Wave(np.sin(2 * np.pi * 1000 * seconds).astype(np.float32) * (seconds > 0.5), rate)
    found = pictures.spectrogram(wave, np.linspace(0, rate, 101), 1.0)
    assert found.shape == (pictures.BINS, 100)
    edges = pictures.hertz(np.linspace(pictures.mel(60.0), pictures.mel(8000.0), pictures.BINS + 2))
    assert edges[1:-1][::-1][np.argmin(found[:, 75])] == pytest.approx(1000, abs=40)
    assert found[:, :45].min() == 255 and found[:, 55:].min() < 10
    drawn = pictures.waveform(wave.samples, np.linspace(0, rate, 101), 1.0)
    assert (drawn == pictures.INKED)[:, :45].sum(0).max() == 1 and (drawn == pictures.INKED)[:, 60].sum() > 45


# The folder of pages


ELSEWHERE = re.compile(r"https?:|[\"'=]//|fetch\(|XMLHttpRequest|WebSocket|@import|url\(", re.I)


@pytest.fixture(scope="module")
def pages(speech, tmp_path_factory):
    """The folder, made in a place whose name would be noticed."""
    corpus, units = speech
    folder = tmp_path_factory.mktemp("private-name") / "pages"
    assert library.explore(units, corpus, static=folder, limit=4) == folder / "index.html"
    return folder


def test_a_folder_has_no_paths_and_asks_for_nothing(pages, speech):
    files = tree(pages)
    assert {"index.html", "utterance-3.html", "units-0.html", "map-0-pca.html", "search.html", "rows.js"} <= {*files}
    assert "utterance-4.html" not in files and len([name for name in files if name.startswith("sounds/")]) == 4
    private = [str(speech[0].parent.parent), str(pages.parent), '.wav"', "private-name", "/tmp"]
    style = files["explore.css"].decode()
    assert not {*re.findall(r"var\((--\w+)", style)} - {*re.findall(r"(--\w+):", style)}  # colours are there
    for name, content in files.items():
        if name.endswith((".png", ".wav")):
            continue
        text = content.decode()
        assert not [path for path in private if path in text], name
        assert not ELSEWHERE.search(text), name
        for link in re.findall(r'(?:href|src)="([^"#]+)', text) if name.endswith("html") else ():
            assert link in files or link.startswith("data:"), f"{name}: {link}"


def test_a_folder_has_the_sounds_and_the_speakers_by_turns(pages, speech):
    listing = (pages / "index.html").read_text()
    assert re.findall(r">(u\d\d)</a>", listing) == ["u00", "u01", "u02", "u03"]
    made, recorded = (soundfile.read(path) for path in (pages / "sounds" / "3.wav", listed(speech[0])[3].path))
    assert np.array_equal(made[0], recorded[0]) and made[1] == recorded[1]


def test_a_recording_that_is_gone_is_left_out_of_the_folder(tmp_path, capsys):
    """It is said where it would have been, but not where on this machine that was; a rate would have been its own."""
    corpus = make_corpus(tmp_path / "corpus", 3)
    units = coded(tmp_path / "units", corpus)
    first, second, third = listed(corpus)
    write_manifest(corpus, [first, second, replace(third, rate=None)])
    for name in ("u01.wav", "u02.wav"):
        (corpus.parent / name).unlink()
    library.explore(units, corpus, static=tmp_path / "pages")
    said = capsys.readouterr().err
    assert "u01.wav: no such file" in said and "u02.wav: no such file" in said
    pages = {name: content.decode() for name, content in tree(tmp_path / "pages").items() if name.endswith("html")}
    assert "the recording cannot be read" in pages["utterance-2.html"]
    assert any("occurrences cannot be read" in text for text in pages.values())
    assert not [name for name, text in pages.items() if str(tmp_path) in text]


def test_a_folder_shows_names_and_asks_for_none(speech, tmp_path):
    corpus, units = speech
    names = tmp_path / "names.tsv"
    names.write_text("unit\tname\n3\tabc\n")
    library.explore(units, corpus, static=tmp_path / "pages", limit=2, names=names)
    files = {name: content.decode() for name, content in tree(tmp_path / "pages").items() if name.endswith("html")}
    assert sum("Called <b>abc</b>." in text for text in files.values()) == 1
    assert any('"abc"' in files[f"utterance-{place}.html"] for place in (0, 1))
    assert not [name for name, text in files.items() if "/name" in text or str(tmp_path) in text]
    assert names.read_text() == "unit\tname\n3\tabc\n"


@pytest.mark.skipif(BINARY is None, reason="no Chromium")
@pytest.mark.slow
def test_the_folder_searches_as_the_server_does(pages, tmp_path):
    scripts = [line.split(" = ", 1)[1].rstrip(";") for line in (pages / "rows.js").read_text().splitlines()]
    utterances, rows = map(json.loads, scripts)
    texts = rows[0]["symbols"]
    names = rows[0]["names"]
    index_symbols = np.array([symbol for text in texts for symbol in text], np.int32)
    from test_explore_patterns import row_of

    row = row_of([[names[symbol] for symbol in text] for text in texts], names)
    assert row.symbols.tolist() == index_symbols.tolist() and len(utterances) == 4
    with Chromium(tmp_path) as browser:
        browser.open(pages / "search.html")
        for pattern in ("3", "3 ?", "(1|2)+ 5", "1 * 2", "? (0|3|5)+", "5+ * ? 1+", "9x", "* 3"):
            found = json.loads(browser.evaluate(SEARCHED.replace("PATTERN", json.dumps(pattern))))
            try:
                matches = search(row, parse(pattern, row))
            except PatternError:
                assert isinstance(found, str)
                continue
            places = row.places(matches.first).tolist()
            wanted = [[] for _ in texts]
            for place, (first, last) in zip(places, matches.pairs(0, len(matches))):
                wanted[place].append([first - int(row.at[place]), last - int(row.at[place])])
            assert found == wanted, pattern
        assert not browser.errors and all(address.startswith("file:") for address in browser.requests)


SEARCHED = """(() => {
    const row = window.unitdiscRows[0];
    try {
        const pattern = unitdiscSearch.parse(PATTERN, row);
        return JSON.stringify(row.symbols.map((symbols) => unitdiscSearch.occurrences(symbols, pattern)));
    } catch (error) {
        return JSON.stringify(error.message);
    }
})()"""


# What cannot be, and the command


def test_what_cannot_be_is_refused(speech, tmp_path):
    corpus, units = speech
    with pytest.raises(ValueError, match="`limit` must be 1 or more"):
        library.explore(units, corpus, static=tmp_path / "pages", limit=0)
    with pytest.raises(ValueError, match="`port` must be from 0 to 65535"):
        library.explore(units, corpus, port=70_000)
    with pytest.raises(EncodingsError, match="no such folder"):
        library.explore(tmp_path / "nothing", corpus, static=tmp_path / "pages")
    other = make_lines(tmp_path, 2)
    with pytest.raises(EncodingsError, match="holds none of the 2 utterances"):
        library.explore(units, other, static=tmp_path / "pages")
    with pytest.raises(ValueError, match="`frames` say which units are alike"):
        library.explore(units, corpus, static=tmp_path / "pages", frames=units)
    with pytest.raises(NamesError, match=r"names\.tsv: no such table of names"):  # nobody can begin it there
        library.explore(units, corpus, static=tmp_path / "pages", names=tmp_path / "names.tsv")
    (tmp_path / "names.tsv").write_text("unit\tname\n77\ta\n")
    with pytest.raises(NamesError, match="not one of its 1 units occurs here"):
        library.explore(units, corpus, static=tmp_path / "pages", names=tmp_path / "names.tsv")
    (tmp_path / "km").mkdir()
    (tmp_path / "km" / "a.txt").write_text("1 2\n")
    with pytest.raises(EncodingsError, match="is of another tool"):
        library.explore(tmp_path / "km", corpus, static=tmp_path / "pages")
    assert not (tmp_path / "pages").exists()


def test_an_experiment_stands_for_its_encodings(speech, tmp_path, unitdisc):
    corpus, _ = speech
    experiment = tmp_path / "exp"
    coded(experiment / "encodings" / "other" / "bottleneck", corpus)
    (experiment / "experiment.json").write_text("{}")
    said = unitdisc("explore", experiment, corpus, "--static", tmp_path / "pages")
    assert said.code == 1 and "(there are those of other); run `unitdisc encode" in said.err
    coded(experiment / "encodings" / "corpus" / "bottleneck", corpus)
    said = unitdisc("explore", experiment, corpus, "--static", tmp_path / "pages", "--limit", "1")
    assert said.code == 0 and said.out.strip() == str(tmp_path / "pages" / "index.html")
    assert "1 of 7 utterances are in the pages." in said.err


def test_without_the_extra_the_cure_is_said(speech, monkeypatch):
    from unitdisc.api import explore as verb

    monkeypatch.setattr(verb, "EXTRA", ("starlette", "no_such_module"))
    with pytest.raises(ValueError, match=r"no_such_module not installed.*pip install 'unitdisc\[explore\]'"):
        library.explore(*reversed(speech))


def test_only_this_machine_is_listened_to():
    pytest.importorskip("starlette", reason="the extra `explore` is not installed: starlette")
    from unitdisc.explorer.server import listening

    with listening(0) as opened:
        assert opened.getsockname()[0] == "127.0.0.1"
        with pytest.raises(OSError, match="cannot be had"):
            listening(opened.getsockname()[1])
        own = [each[4][0] for each in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)]
        for address in {*own} - {"127.0.0.1"}:
            with socket.socket() as stranger, pytest.raises(OSError):
                stranger.settimeout(0.5)
                stranger.connect((address, opened.getsockname()[1]))


def test_opening_pages_loads_nothing_heavy():
    """Or a hundred hours would not open at once."""
    pytest.importorskip("starlette", reason="the extra `explore` is not installed: starlette")
    program = "import sys, unitdisc.explorer.server; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"torch", "torchaudio", "librosa", "sklearn", "matplotlib", "numba"} & set(done.stdout.split())


def test_a_row_that_is_filled_takes_little_more_than_its_numbers():
    row, codes, times = building.RowParts("units", "units"), np.arange(5), np.arange(10).reshape(5, 2)
    tracemalloc.start()
    for _ in range(1000):
        row.add(codes, times)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 1.5 * 1000 * 5 * (4 + 2 * 8)
