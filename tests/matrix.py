"""Runs the tests in every surrounding that matters, one after the other, and keeps a table of it: docs/test-matrix.md.

make test-matrix                                  rows that are not yet done at this commit on this processor
make test-matrix ROWS="two-threads no-home"    these alone
make test-matrix ROWS="--again --slow"            all, once more, with the slow tests

Rows are a covering set and no product: each level of each column is in one at least. Every row has a checkout of its
own in a temporary folder, so that nothing of another is there (compiled kernels, caches), and what is not committed is
tested too, but then not kept as done. A row that this machine cannot run says why in the table.
"""

import argparse
import json
import os
import platform
import resource
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

ROOT = Path(__file__).parent.parent
TABLE, RESULTS = "docs/test-matrix.md", "tests/matrix.json"
LOGS = ROOT / "build" / "test-matrix"
PYTHON = Path(sys.prefix) / "bin" / "python"
INSTRUCTIONS = {  # what PyTorch, oneDNN and OpenBLAS may use, and the features of numpy that go with it
    "default": ({"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "OPENBLAS_CORETYPE": "Nehalem"}, ""),
    "avx2": ({"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "OPENBLAS_CORETYPE": "Haswell"}, "avx2"),
    "avx512": ({"ATEN_CPU_CAPABILITY": "avx512", "ONEDNN_MAX_CPU_ISA": "AVX512_CORE"}, "avx512f"),
    "": ({}, ""),
}
SHARED_MEMORY = Path("/dev/shm")
NOWHERE = "/nowhere"  # no data
USERS = {"another": 65534, "nameless": 54321}  # nobody; one of whom the system knows no name, as in containers


@dataclass(frozen=True)
class Row:
    """A surrounding; what is left open is as it is found."""

    name: str
    instructions: str = ""
    threads: int = 1
    data: bool = True  # the real recordings and manuscripts, if there are any
    user: str = ""  # "root", or one of USERS, who owns nothing
    home: bool = True  # can be written
    checkout: bool = True  # can be written
    temporary: str = ""  # the folder's place, on another file system than the checkout


ROWS = (
    Row("as-it-is"),
    Row("without-data", data=False),
    Row("default", instructions="default", data=False),
    Row("avx2", instructions="avx2"),
    Row("avx512", instructions="avx512"),
    Row("two-threads", threads=2),
    Row("default-two-threads", instructions="default", threads=2),
    Row("root", user="root", data=False),
    Row("other-user", user="another"),
    Row("no-home", user="another", home=False, data=False),
    Row("read-only", user="another", home=False, checkout=False, data=False),
    Row("other-file-system", temporary=str(SHARED_MEMORY), data=False),
    Row(
        "all-at-once",
        instructions="avx2",
        threads=2,
        user="nameless",
        home=False,
        checkout=False,
        data=False,
        temporary=str(SHARED_MEMORY),
    ),
)


@dataclass(frozen=True)
class Result:
    """What a row came to on a processor."""

    processor: str
    commit: str  # the last that changed anything but this table; "+" for changes that are not committed
    date: str
    slow: bool = False
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    wall: float = 0.0
    cpu: float = 0.0
    not_run: str = ""  # the reason


class Outcome(NamedTuple):
    passed: int
    failed: int
    skipped: int


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(row.name for row in ROWS)}; else all")
    parser.add_argument("--again", action="store_true", help="rows that are done at this commit, too")
    parser.add_argument("--slow", action="store_true", help="slow tests, too")
    parser.add_argument("--pytest", default="", metavar="OPTIONS", help='for example "-n 2"')
    arguments = parser.parse_args(argv)
    unknown = set(arguments.rows) - {row.name for row in ROWS}
    if unknown:
        parser.error(f"no row {', '.join(sorted(unknown))}; there are {', '.join(row.name for row in ROWS)}")
    chosen = [row for row in ROWS if row.name in arguments.rows or not arguments.rows]
    failed = run_rows(chosen, arguments.again, arguments.slow, shlex.split(arguments.pytest))
    if failed:
        sys.exit(f"failed: {', '.join(failed)}; what they said is in {LOGS}")


def run_rows(rows: Iterable[Row], again: bool, slow: bool, options: list[str]) -> list[str]:
    """Gives the names of those that failed."""
    failed = []
    for row in rows:
        result = None if again else done_before(row, slow)
        if result is None:
            print(f"{row.name} ...", flush=True)
            result = run_row(row, slow, options)
            keep(row, result)
        print(f"{row.name}: {told(result)}", flush=True)
        if result.failed:
            failed.append(row.name)
    return failed


def done_before(row: Row, slow: bool) -> Result | None:
    for result in kept().get(row.name, ()):
        same = (result.processor, result.commit, result.slow) == (processor(), commit(), slow)
        if same and not result.not_run and not result.commit.endswith("+"):
            return result
    return None


# What this machine can run


def cannot_run(row: Row) -> str:
    """Why not, or nothing."""
    need = INSTRUCTIONS[row.instructions][1]
    if need and need not in flags():
        return f"the processor has no {need.upper()}"
    if row.threads > (os.cpu_count() or 1):
        return f"fewer than {row.threads} processors"
    if row.user == "root" and os.geteuid() != 0:
        return "not started as root"
    if row.data and not real_data().is_dir():
        return f"no real data at {real_data()}"
    if row.temporary:
        if not Path(row.temporary).is_dir():
            return f"no folder {row.temporary}"
        if Path(row.temporary).stat().st_dev == Path(tempfile.gettempdir()).stat().st_dev:
            return f"{row.temporary} is on the file system of the checkout"
    if row.user == "nameless" and os.geteuid() != 0:
        return "not started as root, who alone can become others"
    if becomes(row) and not can_import(row):
        return f"{sys.prefix} cannot be read by others"
    return ""


def flags() -> set[str]:
    """Instructions of the processor (Linux on x86; elsewhere none are known)."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return set()
    return {flag for line in lines if line.startswith("flags") for flag in line.partition(":")[2].split()}


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.processor() or platform.machine()
    widest = next((name for name in ("avx512f", "avx2") if name in flags()), "")
    return f"{model} ({widest.upper()})" if widest else model


def real_data() -> Path:
    return Path(os.environ.get("UNITDISC_DATA", ROOT.parent / "shared" / "data"))


def becomes(row: Row) -> int | None:
    """The number of the user to become, if any: whoever is not root is another user already."""
    return USERS.get(row.user) if os.geteuid() == 0 else None


def can_import(row: Row) -> bool:
    with tempfile.TemporaryDirectory() as place:
        line = as_user(row, [str(PYTHON), "-c", "import torch, pytest"], Path(place))
        return subprocess.run(line, cwd="/", env={"PATH": os.environ["PATH"]}, capture_output=True).returncode == 0


def as_user(row: Row, line: list[str], place: Path) -> list[str]:
    """The command line that runs another as the user of a row, who sees what it needs even in the home of root.

    For that, where a folder above Python or the data is closed to others, an open one is mounted over it, and what is
    needed is mounted into that; no process but this sees it.
    """
    user = becomes(row)
    if user is None:
        return line
    needed = {Path(folder).resolve(): closed_above(folder) for folder in (sys.prefix, sys.base_prefix, real_data())}
    needed = {folder: closed for folder, closed in needed.items() if closed is not None and folder.is_dir()}
    spots = {folder: place / f"mounted-{number}" for number, folder in enumerate(needed)}
    script = ["set -e"]
    script += [f"mkdir {spot} && mount --bind {shlex.quote(str(folder))} {spot}" for folder, spot in spots.items()]
    script += [f"mount -t tmpfs -o mode=755 none {shlex.quote(str(closed))}" for closed in sorted({*needed.values()})]
    script += [f"mkdir -p {folder} && mount --bind {spots[folder]} {folder}" for folder in map(Path, needed)]
    script += [f'exec setpriv --reuid={user} --regid={user} --clear-groups "$@"']
    alone = ["unshare", "--mount"] if needed else []
    return [*alone, "bash", "-c", "\n".join(script), "row", *line]


def closed_above(folder: str | Path) -> Path | None:
    """The uppermost folder above one that others cannot enter."""
    above = reversed(Path(folder).resolve().parents)
    return next((each for each in above if each.exists() and not each.stat().st_mode & stat.S_IXOTH), None)


# One row


def run_row(row: Row, slow: bool, options: list[str]) -> Result:
    about = {"processor": processor(), "commit": commit(), "date": time.strftime("%Y-%m-%d"), "slow": slow}
    reason = cannot_run(row)
    if reason:
        return Result(**about, not_run=reason)
    LOGS.mkdir(parents=True, exist_ok=True)
    with surrounding(row) as (checkout, environment):
        report = Path(environment["TMPDIR"]) / "report.xml"
        command = [str(PYTHON), "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *options]
        command += ["-m", ""] if slow else []
        begun, before = time.monotonic(), used()
        with (LOGS / f"{row.name}.log").open("w") as log:
            line = as_user(row, command, checkout.parent)
            done = subprocess.run(line, cwd=checkout, env=environment, stdout=log, stderr=subprocess.STDOUT)
        times = {"wall": round(time.monotonic() - begun, 1), "cpu": round(used() - before, 1)}
        return Result(**about, **outcome(report, done.returncode)._asdict(), **times)


def used() -> float:
    """Seconds of processors, of all that has ended."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def outcome(report: Path, code: int) -> Outcome:
    """Of a run that ends otherwise than by tests that fail, one is counted as failed at least."""
    if not report.exists():
        return Outcome(0, 1, 0)
    suite = ElementTree.parse(report).getroot().find("testsuite")
    total, failures, errors, skipped = (int(suite.get(name)) for name in ("tests", "failures", "errors", "skipped"))
    failed = failures + errors
    return Outcome(total - failed - skipped, max(failed, int(code != 0)), skipped)


@contextmanager
def surrounding(row: Row) -> Iterator[tuple[Path, dict[str, str]]]:
    """A checkout, and the environment to run its tests in."""
    place = Path(tempfile.mkdtemp(prefix="unitdisc-matrix-"))
    elsewhere = Path(tempfile.mkdtemp(prefix="unitdisc-matrix-", dir=row.temporary or None))
    try:
        copy_checkout(place / "unitdisc")
        for folder in (place / "home", elsewhere):
            folder.mkdir(exist_ok=True)
        own(row, [elsewhere, *([place / "home"] if row.home else []), *([place / "unitdisc"] if row.checkout else [])])
        for folder in (place, elsewhere):  # in which another user, be it of a row within this one, finds his own
            folder.chmod(0o755)
        if not row.home:
            (place / "home").chmod(0o555)
        if not row.checkout:
            write_protect(place / "unitdisc")
        yield place / "unitdisc", environment(row, place, elsewhere)
    finally:
        for folder in (place, elsewhere):
            write_enable(folder)
            shutil.rmtree(folder, ignore_errors=True)


def copy_checkout(folder: Path) -> None:
    """As it lies here, without what git ignores."""
    names = git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():  # not deleted
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


def own(row: Row, folders: Iterable[Path]) -> None:
    user = becomes(row)
    if user is not None:
        for path in [path for folder in folders for path in (folder, *folder.rglob("*"))]:
            os.chown(path, user, user)


def write_protect(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o222)


def write_enable(folder: Path) -> None:
    for path in (folder, *(each for each in folder.rglob("*") if each.is_dir() and not each.is_symlink())):
        path.chmod(0o755)


def environment(row: Row, place: Path, temporary: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "PYTEST_", "NUMBA_"))}
    found = kept | INSTRUCTIONS[row.instructions][0] | numpy_features(row.instructions)
    return found | {
        "HOME": str(place / "home"),
        "TMPDIR": str(temporary),
        "PYTHONPATH": str(place / "unitdisc"),
        "OMP_NUM_THREADS": str(row.threads),
        "OMP_WAIT_POLICY": "passive",  # threads of one test do not keep others waiting
        "UNITDISC_TEST_THREADS": str(row.threads),
        "UNITDISC_DATA": str(real_data()) if row.data else NOWHERE,
        "PATH": f"{PYTHON.parent}:{os.environ['PATH']}",
    }


def numpy_features(instructions: str) -> dict[str, str]:
    """What numpy must not use, of what it can use here."""
    if instructions not in ("default", "avx2"):
        return {}
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    usable = [name for name in __cpu_dispatch__ if __cpu_features__.get(name)]
    wide = ("X86_V4", "AVX512")
    unwanted = [name for name in usable if instructions == "default" or name.startswith(wide)]
    return {"NPY_DISABLE_CPU_FEATURES": " ".join(unwanted)} if unwanted else {}


# The table


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def commit() -> str:
    others = ["--", ".", f":!{TABLE}", f":!{RESULTS}"]
    changed = git("status", "--porcelain", *others).strip()
    return git("log", "-1", "--format=%h", *others).strip() + ("+" if changed else "")


def kept() -> dict[str, list[Result]]:
    """Of each row, one result of each processor."""
    path = ROOT / RESULTS
    rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {name: [Result(**result) for result in results] for name, results in rows.items()}


def keep(row: Row, result: Result) -> None:
    """In place of what the same processor said before; a row that it cannot run has no place where another could."""
    rows = kept()
    others = [other for other in rows.get(row.name, []) if other.processor != result.processor]
    rows[row.name] = [*others, result]
    plain = {name: [asdict(each) for each in results] for name, results in rows.items()}
    (ROOT / RESULTS).write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
    (ROOT / TABLE).write_text(table(rows), encoding="utf-8")


HEADER = """# The tests, in every surrounding that matters

`make test-matrix` wrote this: every row is one run of the tests, in a checkout of its own, after the one before it.
*Instructions* are what PyTorch, oneDNN, OpenBLAS and numpy are held to (`ATEN_CPU_CAPABILITY`, `ONEDNN_MAX_CPU_ISA`,
`OPENBLAS_CORETYPE`, `NPY_DISABLE_CPU_FEATURES`), *data* the real recordings and manuscripts (`UNITDISC_DATA`), *user*
one who is root, is not and owns nothing ("another"), or has not even a name, and "read-only" is what cannot be written.
Times are in seconds, of the clock and of the processors.

"""
TITLES = (
    "row",
    "instructions",
    "threads",
    "data",
    "user",
    "home",
    "checkout",
    "temporary folder",
    "passed",
    "failed",
    "skipped",
    "clock",
    "processors",
    "processor",
    "commit",
)


def table(rows: dict[str, list[Result]]) -> str:
    lines = [line(TITLES), line(["---"] * len(TITLES))]
    for row in ROWS:
        lines += [line([*cells(row), *result_cells(result)]) for result in rows.get(row.name, [])]
    return HEADER + "".join(lines)


def line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def cells(row: Row) -> list[str]:
    access = ["writable" if writable else "read-only" for writable in (row.home, row.checkout)]
    return [
        row.name,
        row.instructions or "all",
        str(row.threads),
        "yes" if row.data else "no",
        row.user or "whoever",
        *access,
        f"{row.temporary}, another file system" if row.temporary else "with the checkout",
    ]


def result_cells(result: Result) -> list[str]:
    if result.not_run:
        counts = [f"not run: {result.not_run}", "", "", "", ""]
    else:
        counts = [
            str(result.passed),
            str(result.failed),
            str(result.skipped),
            f"{result.wall:.0f}",
            f"{result.cpu:.0f}",
        ]
    slow = ", slow tests too" if result.slow else ""
    return [*counts, result.processor, f"{result.commit}, {result.date}{slow}"]


def told(result: Result) -> str:
    if result.not_run:
        return f"not run: {result.not_run}"
    counts = f"{result.passed} passed, {result.failed} failed, {result.skipped} skipped"
    return f"{counts} in {result.wall:.0f} s, of processors {result.cpu:.0f} s ({result.commit})"


if __name__ == "__main__":
    main()
