"""Everything that reads files of others: what it reads when all is well, and the call."""

import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from itertools import islice
from pathlib import Path, PurePosixPath

import numpy as np
import soundfile
from manuscripts import alto, page_xml
from PIL import Image
from tiny import made as made_by
from tiny import make_corpus, make_lines, settings

from unitdisc.clustering.codebook_files import read_codebook
from unitdisc.corpus.manifest import read_manifest
from unitdisc.corpus.read import read_corpus
from unitdisc.encodings import Encoding, Encodings
from unitdisc.evaluation.abx.items import read_items
from unitdisc.evaluation.foreign import open_encodings
from unitdisc.evaluation.units.term_files import read_classes
from unitdisc.experiment import config
from unitdisc.experiment.experiment import load
from unitdisc.explorer.building import index_made
from unitdisc.explorer.index import CorpusIndex
from unitdisc.explorer.links import ServerLinks
from unitdisc.explorer.patterns import PatternError, parse, search
from unitdisc.explorer.views import Pages
from unitdisc.files.locks import Holder, holder_of
from unitdisc.language.storage import open_language_model
from unitdisc.media import tars
from unitdisc.media.decoding import open_audio
from unitdisc.media.image import read_image
from unitdisc.naming.table import read_names
from unitdisc.prep.archives import Archive
from unitdisc.prep.lhotse_cuts import read_cut_list
from unitdisc.prep.notes import Notes
from unitdisc.prep.pages import read_page
from unitdisc.prep.recordings.label_tiers import read_file
from unitdisc.prep.recordings.recording_table import read_rows
from unitdisc.segmentation.phone_loop.storage import read_phone_loop

RATE = 16_000


@dataclass(frozen=True)
class Reader:
    """A way to read.

    files: what of the folder is spoilt, one at a time.
    read: is called with the folder.
    """

    folder: Path
    files: tuple[str, ...]
    read: Callable[[Path], object]


def used(encodings: Iterable[Encoding]) -> None:
    for encoding in islice(encodings, 3):
        encoding.frames.sum()


def walked(found: Iterable) -> None:
    for _ in found:
        pass


def heard(path: Path) -> None:
    with open_audio(path) as file:
        file.read(0, min(file.frames, 20_000))


def tar_read(path: Path) -> None:
    for member in tars.members(path):
        tars.read_member(path, member, 1 << 20)
    walked(tars.samples(path))


def lock_read(path: Path) -> None:
    holder = holder_of(path)
    if holder is not None:
        holder.is_gone(Holder.this())


def zip_read(path: Path) -> None:
    archive = Archive(path)
    for name in sorted(archive.names)[:3]:
        archive.text(PurePosixPath(name), 1 << 20)


def cut_list(path: Path) -> dict:
    recording = {"id": "r", "sources": [{"type": "file", "channels": [0], "source": str(path)}], "sampling_rate": RATE}
    recording |= {"num_samples": 6400, "duration": 0.4, "channel_ids": [0]}
    said = {"id": "s", "recording_id": "r", "start": 0.0, "duration": 0.3, "channel": 0, "text": "a b", "speaker": "x"}
    cut = {"id": "c", "start": 0.0, "duration": 0.4, "channel": 0, "supervisions": [said], "recording": recording}
    return cut | {"type": "MonoCut"}


def readers(home: Path) -> dict[str, Reader]:
    """Makes what is spoilt, in a folder each."""
    corpus = make_corpus(home / "corpus", 3)
    wav = home / "corpus/u00.wav"
    made = {}

    def folder(name: str) -> Path:
        (home / name).mkdir(parents=True, exist_ok=True)
        return home / name

    def add(name: str, read: Callable[[Path], object], **contents: str | bytes) -> None:
        place = folder(name)
        for file, content in contents.items():
            path = place / file.replace("__", ".")
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        files = tuple(sorted(str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()))
        made[name] = Reader(place, files, read)

    add("manifest", lambda at: walked(read_manifest(at / "m.jsonl")), m__jsonl=corpus.read_text())
    lines = make_lines(home / "lines", 3)
    add("manifest of lines", lambda at: walked(read_manifest(at / "m.jsonl")), m__jsonl=lines.read_text())
    tables = {"wav__scp": f"r1 {wav}\nr2 {wav}\n", "segments": "u1 r1 0.0 0.2\nu2 r1 0.2 0.4\nu3 r2 0 0.4\n"}
    tables |= {"utt2spk": "u1 a\nu2 a\nu3 b\n", "spk2gender": "a f\nb m\n", "text": "u1 x y\nu2 z\nu3 y\n"}
    tables |= {"ctm": "r1 1 0.00 0.10 x\nr1 1 0.10 0.10 y\nr2 1 0.0 0.1 y 0.9\n", "utt2dur": "u1 0.2\nu2 0.2\nu3 0.4\n"}
    add("Kaldi", lambda at: read_corpus(at), **tables)
    item = "#file onset #phone prev-phone next-phone speaker\n".replace("onset", "onset offset")
    item += "".join(f"u0 0.{i} 0.{i + 1} {'ab'[i % 2]} x y s{i % 3}\n" for i in range(1, 8))
    add("items", lambda at: read_items(at / "a.item", RATE), a__item=item)
    classes = "Class 1\nu0 0.1 0.2\nu1 0.2 0.4\n\nClass 2\nu0 0.3 0.5\nu1 0.5 0.6\n\n"
    held = json.dumps(asdict(Holder.this()))
    add("lock", lambda at: lock_read(at / "lock"), lock=held)
    add("classes", lambda at: read_classes(at / "a.txt"), a__txt=classes)

    experiment = folder("experiment")
    options = settings(training__steps=1, training__checkpoint_every=1, training__valid_every=1)
    made_by("train", "small", corpus, experiment, *options, "--device", "cpu")
    for each in (experiment / "checkpoints").iterdir():
        each.unlink()
    (experiment / "checkpoints").rmdir()
    add("experiment", lambda at: load(at))
    add("TOML", lambda at: config.read(at / "a.toml"), a__toml=config.PRESETS.joinpath("small.toml").read_bytes())
    mfcc = folder("frames")
    made_by("features", corpus, mfcc)
    add("frames", lambda at: used(Encodings.open(at)))
    made_by("segment", mfcc, corpus, folder("units"), "--units-per-second", 10, "--codes", 4)
    add("units", lambda at: used(Encodings.open(at)))
    exported = home / "exported"
    made_by("export", home / "units", corpus, exported)
    for kind, name in (("textgrid", "u00.TextGrid"), ("elan", "u00.eaf"), ("audacity", "u00.txt")):
        path = next(exported.glob(f"**/{name}"))
        add(kind, lambda at, name=name: read_file(at / name, wav, 0.4, Notes()), **{name: path.read_bytes()})
    add(
        "CTM",
        lambda at: read_file(at / "u00.ctm", wav, 0.4, Notes()),
        u00__ctm="u00 1 0.0 0.1 a\nu00 1 0.1 0.2 b 0.5\n",
    )
    lab = "0 1000000 a\n1000000 2000000 b\n2000000 4000000 c\n"
    add("lab", lambda at: read_file(at / "u00.lab", wav, 0.4, Notes()), u00__lab=lab)
    table = "file\tspeaker\ttext\tsplit\tstart\tend\nu00.wav\ta\tx y\ttrain\t0\t0.2\nu01.wav\tb\tz\ttest\t\t\n"
    add("table", lambda at: read_rows(at / "t.tsv", [wav, wav.with_name("u01.wav")], Notes()), t__tsv=table)
    add(
        "cuts",
        lambda at: read_cut_list([at / "cuts.jsonl"], True, Notes()),
        cuts__jsonl=json.dumps(cut_list(wav)) + "\n",
    )
    packed = gzip.compress(json.dumps(cut_list(wav)).encode() + b"\n", mtime=0)
    add("packed cuts", lambda at: read_cut_list([at / "cuts.jsonl.gz"], True, Notes()), cuts__jsonl__gz=packed)
    add("ALTO", lambda at: read_page(at / "p.xml"), p__xml=alto())
    add("PAGE", lambda at: read_page(at / "p.xml"), p__xml=page_xml())

    def foreign(at: Path, name: str) -> None:
        used(open_encodings(at / name if name else at, RATE, 50.0))

    km = {"a__km": "1 2 3 3\n4 4 1\n", "a__tsv": f"{home}\nu0.wav\t6400\nu1.wav\t6400\n"}
    add("km", lambda at: foreign(at, "a.km"), **km)
    jsonl = '{"utterance": "u0", "codes": [1, 2, 2]}\n{"audio": "u1.wav", "units": "3 4 4"}\n'
    add("units of others", lambda at: foreign(at, "a.jsonl"), a__jsonl=jsonl)
    buffer = io.BytesIO()
    np.save(buffer, np.ones((7, 3), np.float32))
    add("npy of others", lambda at: foreign(at, ""), u0__npy=buffer.getvalue())
    add("text of others", lambda at: foreign(at, ""), u0__txt="0.1 0.2\n0.3 1e-3\n-1 2\n")
    import torch

    buffer = io.BytesIO()
    torch.save(torch.ones(5, 3), buffer)
    add("pt of others", lambda at: foreign(at, ""), u0__pt=buffer.getvalue())
    buffer = io.BytesIO()
    np.save(buffer, np.eye(3, dtype=np.float32))
    add("codebook", lambda at: read_codebook(at / "k.npy"), k__npy=buffer.getvalue(), k__json='{"num_codes": 3}')
    made_by("phone-loop", mfcc, folder("phone loop") / "a.safetensors", "--units", 3, "--passes", 1)
    add("phone loop", lambda at: read_phone_loop(at / "a.safetensors"))
    names = "unit\tname\tkind\twhen\n7\ta\tname\t2026-01-01T00:00:00\n6\t\tmixed\t\n6a\tb c\tname\t\n"
    add("names", lambda at: read_names(at / "names.tsv"), names__tsv=names)
    made_by("lm-train", "ngram", home / "units", home / "lm", "--set", "order=2")
    add("ARPA", lambda at: open_language_model(at / "a.arpa"), a__arpa=(home / "lm/model.arpa").read_bytes())
    add(
        "language model",
        lambda at: open_language_model(at),
        **{p.name: p.read_bytes() for p in (home / "lm").iterdir()},
    )

    for kind, more in (("WAV", {}), ("FLAC", {}), ("OGG", {}), ("AIFF", {}), ("W64", {}), ("NIST", {}), ("MP3", {})):
        buffer = io.BytesIO()
        wave = 0.1 * np.random.default_rng(0).standard_normal(6400)
        soundfile.write(buffer, wave, RATE, format=kind, **more)
        name = f"a.{kind.lower()}"
        add(kind, lambda at, name=name: heard(at / name), **{name: buffer.getvalue()})
    wave = (home / "WAV/a.wav").read_bytes()
    add("ark", lambda at: heard(f"{at / 'a.ark'}:3"), a__ark=b"u0 " + wave)
    tar, archive = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as file, zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in (("u0.wav", wave), ("u0.txt", b"a b\n"), ("u1.json", b'{"text": "c"}')):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
            zipped.writestr(name, content)
    add("tar", lambda at: tar_read(at / "a.tar"), a__tar=tar.getvalue())
    add("zip", lambda at: zip_read(at / "a.zip"), a__zip=archive.getvalue())
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 60), np.uint8))
    for kind in ("PNG", "JPEG", "TIFF", "BMP", "GIF", "PPM", "WEBP"):
        buffer = io.BytesIO()
        picture.save(buffer, kind)
        name = f"a.{kind.lower()}"
        add(kind, lambda at, name=name: read_image(at / name), **{name: buffer.getvalue()})
    made |= explorer(home, home / "units", corpus)
    return made


REQUESTS = ("/", "/utterance/0", "/units/0", "/unit/0/1", "/map/0?how=PCA", "/search?row=0&pattern=1%20%3F", "/sound/0")
REQUESTS += ("/picture/0?width=100", "/assets/timeline.js", "/example?place=0&start=800&end=1600")


def explorer(home: Path, units: Path, corpus: Path) -> dict[str, Reader]:
    """Patterns that are searched, and what is asked of the server, where its packages are installed."""
    if find_spec("starlette") is None or find_spec("httpx") is None:
        return {}
    import httpx
    from starlette.testclient import TestClient

    from unitdisc.explorer import server

    index_made(home / "index", [units], corpus, progress=lambda *_, **__: nullcontext(lambda number: None))
    index = CorpusIndex.open(home / "index")
    app = server.application(server.Explorer(index, Pages(index, ServerLinks(), "mine")), "token", 8765)
    client = TestClient(app, base_url="http://127.0.0.1:8765", follow_redirects=False)
    client.get("/", params={"token": "token"})

    def pattern(at: Path) -> None:
        text = (at / "pattern").read_bytes().decode("utf-8", errors="surrogateescape")
        try:
            search(index.rows[0], parse(text, index.rows[0]))
        except PatternError:  # what was typed is in no file
            return

    def asked(path: Path) -> None:
        address, *headers = path.read_bytes().decode("latin-1").split("\n")
        known = dict(line.split(": ", 1) for line in headers if ": " in line)
        try:
            request = client.build_request("GET", f"http://127.0.0.1:8765/{address[1:]}", headers=known)
        except (httpx.InvalidURL, ValueError, TypeError):  # cannot be sent
            return
        answer = client.send(request)
        if answer.status_code >= 500:
            raise AssertionError(f"status {answer.status_code}: {answer.text[:200]}")

    made = {}
    for name, text, read in (
        ("pattern", "0 ? (1|2)+ * 3", pattern),
        *(
            (f"request{number}", f"{path}\nAccept: text/html\nRange: bytes=0-99\n", None)
            for number, path in enumerate(REQUESTS)
        ),
    ):
        place = home / "explorer" / name
        place.mkdir(parents=True)
        (place / name).write_text(text)
        made[name] = Reader(place, (name,), read or (lambda at, name=name: asked(at / name)))
    return made
