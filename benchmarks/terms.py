"""How time and memory of `unitdisc terms` and `find` grow with the corpus, and what an index keeps of all there is.

python data_prep/mini_speech.py data/mini_speech
python benchmarks/terms.py data/mini_speech/test.jsonl --output benchmarks/results/terms.json \\
    > benchmarks/results/terms.md

Made-up utterances of ten seconds: pieces of 60 to 140 ms of MFCC of the corpus that is given, in random order, with
noise, so that frames are as those of speech are, but nothing longer recurs; and, twice in each, a term of half a
second, which is said in some others, up to 15 % faster or slower, with noise of its own. The corpus doubles four times.
Each figure is of a process of its own: seconds of its processor (one thread), and the most memory that it had. For the
smallest sizes alone everything is compared with everything, which takes four times as long for twice the corpus.
"""

import argparse
import json
import multiprocessing
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from machine import add_note_and_output, circumstances, keep_result

HOP, RATE, SECONDS, SPEAKERS = 160, 16_000, 10, 50
TERM, SAID, PIECES = 50, 4, (6, 14)  # frames of a term, how often it is said, and frames of a piece
NOISE, OWN_NOISE = 0.3, 0.7  # of the deviation of each dimension: of pieces, and of what a term is said like
QUERIES, TOP = 3, 20
PASSES = {"index": {}, "less alike": {"bits": 42}, "exhaustive": {"search": "exhaustive"}}


def main(argv: list[str] | None = None) -> dict:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="recordings whose MFCC are taken to pieces")
    parser.add_argument("--hours", type=float, default=10.0, help="of the largest corpus")
    parser.add_argument("--sizes", type=int, default=5, help="each half of the next")
    parser.add_argument("--exhaustive", type=float, default=0.1, help="hours up to which everything is compared, too")
    parser.add_argument("--memory", type=float, default=0.25, help="GiB for frames that are kept between readings")
    parser.add_argument("--folder", type=Path, help="where frames are kept (default: for the time of the run)")
    add_note_and_output(parser)
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as temporary:
        home = args.folder or Path(temporary)
        material = in_a_process(material_of, args.corpus)["result"]
        measured(home, material[:20000], 0.01, True, args.memory)  # so that all is compiled
        sizes = [args.hours / 2**step for step in reversed(range(args.sizes))]
        rows = []
        for hours in sorted({*sizes, args.exhaustive}):
            rows.append(measured(home, material, hours, hours <= args.exhaustive, args.memory))
            keep_result({"sizes": rows, **circumstances(threads=1, note=args.note)}, args.output)
    found = {"sizes": rows, "memory": args.memory, **circumstances(threads=1, note=args.note)}
    print(table(found))
    keep_result(found, args.output)
    return found


def material_of(corpus: Path) -> np.ndarray:
    """MFCC of all utterances of a corpus, each dimension of mean 0 and deviation 1: [T, D]."""
    from unitdisc.corpus.read import read_corpus
    from unitdisc.data.acoustic_features import AcousticFeatures
    from unitdisc.media.audio import read_audio

    mfcc = AcousticFeatures()
    found = []
    for utterance in list(read_corpus(corpus))[:400]:
        frames = mfcc(read_audio(utterance))
        found.append((frames - frames.mean(0)) / np.maximum(frames.std(0), 1e-6))
    return np.concatenate(found).astype(np.float32)


def spoken(material: np.ndarray, frames: int, rng: np.random.Generator) -> np.ndarray:
    """Pieces in random order."""
    parts, length = [], 0
    while length < frames:
        size = int(rng.integers(*PIECES))
        first = int(rng.integers(0, len(material) - size))
        parts.append(material[first : first + size])
        length += size
    return np.concatenate(parts)[:frames] + NOISE * rng.normal(size=(frames, material.shape[1])).astype(np.float32)


def write_corpus(folder: Path, material: np.ndarray, hours: float) -> list[list[tuple[str, int, int]]]:
    """Encodings and corpus.jsonl; gives where each term is said: utterance, first and last frame."""
    from unitdisc.corpus import Utterance
    from unitdisc.corpus.manifest import write_manifest
    from unitdisc.encodings import Encoding, EncodingsWriter

    rng = np.random.default_rng(0)
    number, frames = max(round(hours * 3600 / SECONDS), 2), SECONDS * RATE // HOP
    terms = max(2 * number // SAID, 1)
    lexicon = [spoken(material, TERM, rng) for _ in range(terms)]
    said: list[list[tuple[str, int, int]]] = [[] for _ in range(terms)]
    order = rng.permutation(np.repeat(np.arange(terms), SAID))
    settings = {"point": "features", "model": "made up", "stride": HOP, "offset": HOP / 2, "rate": RATE}
    writer, listed = EncodingsWriter(folder / "frames", settings), []
    for place in range(number):
        name, content = f"u{place:05}", spoken(material, frames, rng)
        for half, term in enumerate(order[2 * place : 2 * place + 2].tolist()):
            length = int(TERM * rng.uniform(0.85, 1.15))
            first = half * frames // 2 + int(rng.integers(0, frames // 2 - length))
            warped = lexicon[term][np.linspace(0, TERM - 1, length).round().astype(int)]
            content[first : first + length] = warped + OWN_NOISE * rng.normal(size=warped.shape)
            said[term].append((name, first, first + length))
        writer.write(Encoding(name, HOP / 2 + HOP * np.arange(frames), content.astype(np.float32)))
        listed.append(Utterance(name, f"{name}.wav", f"s{place % SPEAKERS}", frames * HOP, RATE))
    writer.finish()
    write_manifest(folder / "corpus.jsonl", listed)
    return said


def measured(home: Path, material: np.ndarray, hours: float, exhaustive: bool, memory: float) -> dict:
    """All figures of one size."""
    folder = home / f"{hours:g}"
    said = in_a_process(write_corpus, folder, material, hours)["result"]
    planted = {frozenset((one, other)) for places in said for one in places for other in places if one < other}
    row: dict[str, Any] = {"hours": hours, "planted": len(planted), "terms": {}}
    for name, options in PASSES.items():
        if name != "index" and not exhaustive:
            continue
        cost = in_a_process(search, folder, name, options, memory)
        cost.pop("result")
        pairs = read_pairs(folder / name / "pairs.jsonl")
        row["terms"][name] = cost | {"pairs": len(pairs), "planted found": share_found(planted, pairs)}
    if exhaustive:
        whole = read_pairs(folder / "exhaustive" / "pairs.jsonl")
        for name in row["terms"]:
            own = set(read_pairs(folder / name / "pairs.jsonl"))
            row["terms"][name]["of exhaustive"] = sum(pair in own for pair in whole) / max(len(whole), 1)
    recurring = [places for places in said if len(places) > 1][:QUERIES]
    queries, hits = [places[0] for places in recurring], {}
    for name, index in (("everything", None), ("index", folder / "index" / "index")):
        cost = in_a_process(look_up, folder, queries, index)
        hits[name] = cost.pop("result")
        row[f"find: {name}"] = cost | {"cpu": cost["cpu"] / len(queries), "wall": cost["wall"] / len(queries)}
        row[f"find: {name}"]["planted found"] = again(recurring, hits[name])
    there = [len(set(one) & set(other)) / len(one) for one, other in zip(hits["everything"], hits["index"])]
    row["find: index"] |= {"of all hits": float(np.mean(there)), "best hit": found_first(hits)}
    shutil.rmtree(folder)
    return row


def again(recurring: Sequence[Sequence[tuple]], hits: Sequence[Sequence[tuple]]) -> float:
    """Of the other places of each term, those that a hit of a query for the first shares most with."""
    found = [
        any(hit[0] == place[0] and is_same((hit[0], hit[1] // HOP, -(-hit[2] // HOP)), place) for hit in own)
        for places, own in zip(recurring, hits)
        for place in places[1:]
    ]
    return float(np.mean(found))


def found_first(hits: dict[str, list[list[tuple]]]) -> float:
    """Of the queries, those whose best hit the index has."""
    pairs = list(zip(hits["everything"], hits["index"]))
    return sum(one[0] in other for one, other in pairs) / len(pairs)


def search(folder: Path, name: str, options: dict, memory: float) -> None:
    from unitdisc.api.terms import terms
    from unitdisc.term_discovery.options import TermOptions

    terms(folder / "frames", folder / "corpus.jsonl", folder / name, TermOptions(**options), memory=memory, threads=1)


def look_up(folder: Path, queries: Sequence[tuple[str, int, int]], index: Path | None) -> list[list[tuple]]:
    from unitdisc.api.find import find
    from unitdisc.retrieval.queries import QueryOptions

    found = []
    for name, first, last in queries:
        query = QueryOptions(query=name, start=first * HOP / RATE, end=last * HOP / RATE)
        result = find(folder / "frames", folder / "corpus.jsonl", query, top=TOP, index=index)
        found.append([(hit.utterance.id, hit.start, hit.end) for hit in result.hits])
    return found


def in_a_process(work: Callable, *arguments: Any) -> dict:
    """What work gives, seconds that it took, and MiB at most."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(timed, (work, arguments))


def timed(work: Callable, arguments: Sequence) -> dict:
    wall, cpu = time.perf_counter(), time.process_time()
    result = work(*arguments)
    costs = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    return costs | {"MiB": most_memory(), "result": result}


def most_memory() -> float:
    """Of this process since it began, in MiB: `getrusage` would count what its parent had before."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def read_pairs(path: Path) -> list[frozenset]:
    pairs = []
    for line in path.read_text().splitlines():
        stretches = json.loads(line)["stretches"]
        pairs.append(frozenset((one["utterance"], one["start"] // HOP, -(-one["end"] // HOP)) for one in stretches))
    return pairs


def share_found(planted: set[frozenset], pairs: Sequence[frozenset]) -> float:
    """Of planted pairs, those whose stretches both share more than half of what either covers with those of a pair."""
    near: dict[tuple[str, ...], list[list]] = {}
    for pair in pairs:
        there = sorted(pair)
        near.setdefault(tuple(one[0] for one in there), []).append(there)
    found = 0
    for pair in planted:
        there = sorted(pair)
        candidates = near.get(tuple(one[0] for one in there), [])
        found += any(len(each) == 2 and all(map(is_same, there, each)) for each in candidates)
    return found / max(len(planted), 1)


def is_same(one: tuple[str, int, int], other: tuple[str, int, int]) -> bool:
    shared = min(one[2], other[2]) - max(one[1], other[1])
    return 2 * shared > max(one[2], other[2]) - min(one[1], other[1])


def table(found: dict) -> str:
    about = found["machine"]
    lines = [
        f"{about['processor']}, one thread. {about['note']}".strip(),
        "",
        "| hours | terms | CPU s | MiB | pairs | of planted ones, % | of exhaustive ones, % |",
        "|---:|---|---:|---:|---:|---:|---:|",
    ]
    for row in found["sizes"]:
        for name, each in row["terms"].items():
            kept = f"{100 * each['of exhaustive']:.1f}" if "of exhaustive" in each else ""
            lines.append(
                f"| {row['hours']:g} | {name} | {each['cpu']:.1f} | {each['MiB']:.0f} | {each['pairs']} | "
                f"{100 * each['planted found']:.1f} | {kept} |"
            )
    lines += [
        "",
        f"| hours | find: CPU s a query | MiB | of planted ones, % | with the index | MiB | of planted ones, % | "
        f"of the best {TOP} hits, % | of best hits, % |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in found["sizes"]:
        every, some = row["find: everything"], row["find: index"]
        lines.append(
            f"| {row['hours']:g} | {every['cpu']:.2f} | {every['MiB']:.0f} | {100 * every['planted found']:.0f} | "
            f"{some['cpu']:.2f} | {some['MiB']:.0f} | {100 * some['planted found']:.0f} | "
            f"{100 * some['of all hits']:.1f} | {100 * some['best hit']:.1f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
