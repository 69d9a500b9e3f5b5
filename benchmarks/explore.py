"""How quickly `unitdisc explore` opens corpora of different sizes: first page, search, pages of units, and memory.

python benchmarks/explore.py --output benchmarks/results/explore.json > benchmarks/results/explore.md

Made-up utterances of 12 s by 200 speakers: codes of 100 at 50 a second, in runs of 4 frames on average (12.5 units a
second), whose successors follow a table of probabilities, and a tier of 40 phones. No recordings and no frames. The
index is made once; then the server is started in a process of its own, and asked over HTTP. Seconds to the first page
are counted from the start of the process, Python's included; memory is the most the server had after all questions. CPU
seconds are the server's, to a hundredth. Disk that was just written is in memory: a cold one adds what reading takes.

--readers 50: then one reader, and fifty at once, each ask every question ROUNDS times, one after the other; seconds of
every answer, of all readers, from the request to its last byte. All run on this machine, beside the server.
"""

import argparse
import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
from machine import add_note_and_output, circumstances, keep_result

SECONDS, RATE, STRIDE, CODES, SPEAKERS, PHONES = 12, 16_000, 320, 100, 200, 40
ROUNDS = 5  # of all questions, by every reader
STAY = 0.75  # probability that a frame has the code of the one before
QUESTIONS = {
    "first page": "/",
    "page 100 of the list": "/?page=100",
    "filter by text": "/?text=utterance-0000123",
    "an utterance": "/utterance/77",
    "search 12 7 ? 30": "/search?" + urlencode({"row": 0, "pattern": "12 7 ? 30"}),
    "search 12 (7|8)+ * 30": "/search?" + urlencode({"row": 0, "pattern": "12 (7|8)+ * 30"}),
    "search phone": "/search?" + urlencode({"row": 1, "pattern": "p3 ? p7"}),
    "a unit": "/unit/0/12",
}


def main(argv: list[str] | None = None) -> dict:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, nargs="+", default=[1.0, 10.0, 100.0])
    parser.add_argument("--folder", type=Path, help="where corpora are made (default: that of temporary files)")
    parser.add_argument("--readers", type=int, default=0, help="who ask at once, in the end")
    add_note_and_output(parser)
    args = parser.parse_args(argv)
    rows = []
    for hours in args.hours:
        with tempfile.TemporaryDirectory(dir=args.folder) as folder:
            rows.append(measured(Path(folder), hours, args.readers))
        keep_result({"rows": rows, **circumstances(threads=1, note=args.note)}, args.output)
    found = {"rows": rows, **circumstances(threads=1, note=args.note)}
    print(table(found))
    keep_result(found, args.output)
    return found


def write_corpus(folder: Path, hours: float) -> int:
    """Encodings without frames, and corpus.jsonl; gives the number of utterances. Lines are made of few lists."""
    rng = np.random.default_rng(0)
    follows = np.argsort(rng.random((CODES, CODES)), 1)[:, :10]  # each has ten successors
    frames, number = SECONDS * RATE // STRIDE, max(2, round(hours * 3600 / SECONDS))
    lists = [json.dumps(walk(rng, follows, frames)) for _ in range(min(number, 500))]
    ticks, step = SECONDS * RATE, 1600
    (folder / "units").mkdir(parents=True)
    settings = {"stride": STRIDE, "offset": STRIDE / 2, "rate": RATE, "num_codes": CODES, "point": "bottleneck"}
    (folder / "units" / "encodings.json").write_text(json.dumps(settings))
    labels = [f"p{place}" for place in range(PHONES)]
    starts = range(0, ticks, step)
    drawn = rng.integers(0, PHONES, (min(number, 500), len(starts))).tolist()
    tiers = [json.dumps([[at, at + step, labels[n]] for at, n in zip(starts, some)]) for some in drawn]
    with (folder / "units" / "units.jsonl").open("w") as units, (folder / "corpus.jsonl").open("w") as corpus:
        for place in range(number):
            id = f"utterance-{place:07d}"
            units.write(f'{{"utterance": "{id}", "codes": {lists[place * 7 % len(lists)]}}}\n')
            facts = {"id": id, "path": f"{id}.wav", "speaker": f"s{place % SPEAKERS}", "ticks": ticks, "rate": RATE}
            alignment = f'{{"phone": {tiers[place * 11 % len(tiers)]}}}'
            corpus.write(json.dumps(facts)[:-1] + f', "alignment": {alignment}}}\n')
    return number


def walk(rng: np.random.Generator, follows: np.ndarray, frames: int) -> list[int]:
    codes, code = [], int(rng.integers(CODES))
    for stay, turn in zip(rng.random(frames) < STAY, rng.integers(0, follows.shape[1], frames)):
        code = code if stay else int(follows[code, turn])
        codes.append(code)
    return codes


def measured(folder: Path, hours: float, readers: int = 0) -> dict:
    """All figures of one size."""
    utterances = write_corpus(folder, hours)
    row = {"hours": hours, "utterances": utterances, "index": made(folder)}
    row["index"]["megabytes"] = sum(path.stat().st_size for path in (folder / "index").rglob("*.*")) / 2**20
    return row | served(folder, readers)


def made(folder: Path) -> dict:
    """What making the index takes: a server that is ended as soon as it is there."""
    started = time.perf_counter()
    process, _ = server(folder)
    found = {"seconds": time.perf_counter() - started, "cpu_seconds": cpu_of(process.pid), "MiB": peak_of(process.pid)}
    process.terminate()
    process.communicate()
    return found


def served(folder: Path, readers: int = 0) -> dict:
    """What answers to each question take, and what the server then has in memory; then by many readers at once."""
    started = time.perf_counter()
    process, (port, token) = server(folder)
    found: dict[str, dict] = {}
    try:
        for name, path in QUESTIONS.items():
            first = name == "first page"  # Python's start is in it
            begun, cpu = (started, 0.0) if first else (time.perf_counter(), cpu_of(process.pid))
            ask(port, token, path)
            found[name] = {"seconds": time.perf_counter() - begun, "cpu_seconds": cpu_of(process.pid) - cpu}
        row = {"answers": found, "MiB": peak_of(process.pid), "own MiB": own_of(process.pid)}
        crowds = [crowd(process.pid, port, token, number) for number in ((1, readers) if readers else ())]
        return row | {"crowds": crowds, "MiB in the end": peak_of(process.pid), "own in the end": own_of(process.pid)}
    finally:
        process.terminate()
        process.communicate()


def crowd(process: int, port: int, token: str, readers: int) -> dict:
    """What an answer takes where so many readers ask at once. Raises AssertionError for one that is no page."""

    def reader(number: int) -> list[float]:
        questions = list(QUESTIONS.values())
        seconds = []
        for place in range(ROUNDS * len(questions)):
            begun = time.perf_counter()
            ask(port, token, questions[(place + number) % len(questions)])
            seconds.append(time.perf_counter() - begun)
        return seconds

    begun, cpu = time.perf_counter(), cpu_of(process)
    with ThreadPoolExecutor(readers) as pool:
        found = [each for some in pool.map(reader, range(readers)) for each in some]
    return {
        "readers": readers,
        "answers": len(found),
        "median": statistics.median(found),
        "worst": max(found),
        "seconds": time.perf_counter() - begun,
        "cpu_seconds": cpu_of(process) - cpu,
    }


def server(folder: Path) -> tuple[subprocess.Popen, tuple[int, str]]:
    command = [sys.executable, "-m", "unitdisc", "explore", folder / "units", folder / "corpus.jsonl"]
    process = subprocess.Popen([*command, "--cache", folder / "index"], stderr=subprocess.PIPE, text=True)
    return process, said_address(process)


def said_address(process: subprocess.Popen) -> tuple[int, str]:
    """The port and the token that a server says it has, once it has. Raises RuntimeError if it says none."""
    said = []
    for line in process.stderr:
        said.append(line)
        if address := re.search(r"127\.0\.0\.1:(\d+)/\?token=(\S+)", line):
            return int(address[1]), address[2]
    raise RuntimeError("".join(said))


def ask(port: int, token: str, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", path, headers={"cookie": f"unitdisc-{port}={token}"})
    answer = connection.getresponse()
    content = answer.read()
    assert answer.status == 200, (path, answer.status, content[:300])
    return content


def cpu_of(process: int) -> float:
    """Seconds of processors that a process has had, to a hundredth."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_of(process: int) -> float:
    """MiB at most, mapped files that it looked at included."""
    return status_of(process, "VmHWM")


def own_of(process: int) -> float:
    """MiB now, without mapped files, which the system may drop."""
    return status_of(process, "RssAnon")


def status_of(process: int, name: str) -> float:
    status = Path(f"/proc/{process}/status").read_text()
    return int(re.search(rf"{name}:\s+(\d+)", status)[1]) / 1024


def table(found: dict) -> str:
    about = found["machine"]
    sizes = [f"{row['hours']:g} h" for row in found["rows"]]
    lines = [
        f"{about['processor']}, one thread. {about['note']}".strip(),
        "",
        f"| | {' | '.join(sizes)} |",
        "|---|" + "---:|" * len(found["rows"]),
    ]
    rows = found["rows"]

    def line(title: str, values: list[str]) -> None:
        lines.append(f"| {title} | {' | '.join(values)} |")

    line("utterances", [f"{row['utterances']:,}" for row in rows])
    line("index made, CPU s (s)", [both(row["index"]) for row in rows])
    line("memory for that, MiB", [f"{row['index']['MiB']:.0f}" for row in rows])
    line("index on disk, MiB", [f"{row['index']['megabytes']:.0f}" for row in rows])
    for name in QUESTIONS:
        line(f"{name.replace('|', '&#124;')}, CPU s (s)", [both(row["answers"][name]) for row in rows])
    line("server at most, mapped files included, MiB", [f"{row['MiB']:.0f}" for row in rows])
    line("of it own, MiB", [f"{row['own MiB']:.0f}" for row in rows])
    for crowds in zip(*(row["crowds"] for row in rows), strict=True):
        readers = crowds[0]["readers"]
        line(f"{readers} at once: answers", [f"{each['answers']:,}" for each in crowds])
        line(
            f"{readers} at once: an answer, median (worst), s",
            [f"{c['median']:.3f} ({c['worst']:.3f})" for c in crowds],
        )
        line(f"{readers} at once: an answer, CPU s", [f"{c['cpu_seconds'] / c['answers']:.4f}" for c in crowds])
    if rows[0]["crowds"]:
        line("of the server own after that, MiB", [f"{row['own in the end']:.0f}" for row in rows])
    return "\n".join(lines)


def both(figure: dict) -> str:
    return f"{figure['cpu_seconds']:.2f} ({figure['seconds']:.2f})"


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
