"""The same readers, fed with garbage that is chosen by which code of unitdisc it reaches (atheris, libFuzzer).

    pip install atheris    (Linux; not among the packages of the project)
    python tests/fuzz/guided.py --seconds 600 [READER ...]    tables what was tried; ends with 1 if something failed

Each file of each reader is mutated by libFuzzer or as by `garbage.py`, by turns; an input that reaches a line that none
before it reached is kept and mutated further. What counts as a fault is what `garbage.py` says; a fault does not end
the search. --keep FOLDER leaves inputs with faults there, and the inputs that were kept, with which the next run goes
on. Compiled code is not looked into.
"""

import argparse
import contextlib
import io
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import atheris  # what it is to look into must be imported after it

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LARGEST = 1 << 20  # bytes of an input: what is promised is of a megabyte
sys.path[:0] = [str(HERE.parent), str(HERE)]


def compiled() -> list[str]:
    """Modules that numba compiles, which cannot be changed."""
    files = [path for path in (ROOT / "unitdisc").rglob("*.py") if "numba" in path.read_text(encoding="utf-8")]
    return [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files]


with atheris.instrument_imports(include=["unitdisc"], exclude=compiled()):
    from garbage import fault, too_long
    from mutations import mutated
    from readers import Reader, readers


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("readers", nargs="*", help="all by default")
    parser.add_argument("--seconds", type=float, default=600, help="shared by all")
    parser.add_argument("--seed", type=int, default=1, help="1 or more")
    parser.add_argument("--keep", type=Path, help="folder for what is found")
    chosen = parser.parse_args()
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as temporary:
        home = (chosen.keep or Path(temporary)).absolute()
        shutil.rmtree(home / "right", ignore_errors=True)
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            known = readers(home / "right")
        if unknown := [name for name in chosen.readers if name not in known]:
            raise SystemExit(f"{unknown}: no such readers; choose of {list(known)}")
        pairs = [(name, file) for name in chosen.readers or known for file in known[name].files]
        total, failed, begun = 0, 0, time.monotonic()
        print(f"{'reader':<20} {'file':<28} {'inputs':>8} {'kept':>6} {'faults':>7}")
        for name, file in pairs:
            place = home / "guided" / name / file.replace("/", "_")
            found = in_a_process(known[name], file, place, seconds=chosen.seconds / len(pairs), seed=chosen.seed)
            total, failed = total + found["inputs"], failed + len(found["faults"])
            kept = sum(1 for _ in (place / "kept").iterdir())
            print(f"{name:<20} {file:<28} {found['inputs']:>8} {kept:>6} {len(found['faults']):>7}", flush=True)
            for wrong in found["faults"].values():
                print(f"    {wrong}", flush=True)
        print(f"{total} inputs, {failed} faults, {time.monotonic() - begun:.0f} s")
    return int(failed > 0)


def in_a_process(reader: Reader, file: str, place: Path, *, seconds: float, seed: int) -> dict:
    """How many inputs were tried, and faults by where they are; a process that dies of an input is one."""
    (place / "kept").mkdir(parents=True, exist_ok=True)
    (place / "found.json").unlink(missing_ok=True)
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        try:
            with (place / "said.txt").open("wb") as said:
                os.dup2(said.fileno(), 1)
                os.dup2(said.fileno(), 2)
            guided(reader, file, place, seconds=seconds, seed=seed)
        finally:
            os._exit(1)  # what is wrong here must not go on as a second parent
    _, status = os.waitpid(child, 0)
    told = place / "found.json"
    found = json.loads(told.read_text()) if told.exists() else {"inputs": 0, "faults": {}}
    if code := os.waitstatus_to_exitcode(status):
        found["faults"]["process"] = f"{file}: ends the process: {code}; see {place / 'said.txt'}"
    return found


def guided(reader: Reader, file: str, place: Path, *, seconds: float, seed: int) -> None:
    """Searches for so long, and ends the process."""
    at = place / "spoilt" / reader.folder.name
    shutil.rmtree(at, ignore_errors=True)
    shutil.copytree(reader.folder, at)
    before = {*at.rglob("*")}
    found: dict = {"inputs": 0, "faults": {}}
    (place / "kept" / "right").write_bytes((reader.folder / file).read_bytes())

    def read(content: bytes) -> None:
        (at / file).write_bytes(content)
        signal.signal(signal.SIGALRM, too_long)
        wrong = fault(reader, at)
        found["inputs"] += 1
        if wrong and (where := wrong.rpartition("(")[2]) not in found["faults"]:
            found["faults"][where] = f"{file}: {wrong}"
            (place / f"fault-{len(found['faults']):02d}").write_bytes(content)
        if wrong or not found["inputs"] % 20:
            (place / "found.json").write_text(json.dumps(found))
        for path in {*at.rglob("*")} - before:  # caches of what was read
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)

    def mutate(content: bytes, most: int, number: int) -> bytes:
        draw = random.Random(number)
        return mutated(content, draw)[0][:most] if draw.random() < 0.5 else atheris.Mutate(content, most)

    limits = [f"-max_total_time={max(1, round(seconds))}", f"-max_len={LARGEST}", "-timeout=0", "-rss_limit_mb=0"]
    arguments = [sys.argv[0], *limits, f"-seed={seed}", "-handle_alrm=0", "-verbosity=0", str(place / "kept")]
    atheris.Setup(arguments, read, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
