"""Our ABX errors beside those of other tools, mode by mode, on the golden sets; and why tools differ where they do.

python eval/abx_agreement.py --golden ../shared/golden/abx --output benchmarks/results/abx_agreement.md

The tools: fastabx 0.9.0, libriabx 1.0.5 (Libri-Light, ZeroSpeech 2021), libriabx2 0.9.8 (abxLS), ABXpy 0.4.3
(ZeroSpeech 2015 to 2020), and ref-float64, the definition written down in double precision. Errors are fractions.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from unitdisc.encodings import Encodings
from unitdisc.evaluation.abx import AbxProtocol, abx, read_items
from unitdisc.files.text import read_json

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("UNITDISC_DATA", ROOT.parent / "shared" / "data"))
RATE = 16_000
AGREED = 1e-6
NAMES = {"libri-light": "librilight", "abxpy2017": "abxpy", "ll": "librilight"}  # theirs -> ours
TOOLS = ("ref-float64", "ABXpy-0.4.3", "fastabx-0.9.0", "libriabx-1.0.5", "libriabx2-0.9.8")


class Mode(NamedTuple):
    """What a key of expected.json says."""

    data: str
    speaker: str
    context: str
    distance: str
    slicing: str
    average: str
    pooling: str

    @classmethod
    def of(cls, key: str) -> "Mode":
        parts = [part.split("=")[-1] for part in key.split("|")]
        parts[1:3] = (part.split("-")[0] for part in parts[1:3])
        return cls(*(NAMES.get(part, part) for part in parts))

    @property
    def protocol(self) -> AbxProtocol:
        plain = self.distance.removesuffix("_llnorm").removesuffix("_fixed")
        return AbxProtocol(plain, self.slicing, self.average, self.pooling, self.distance.endswith("_llnorm"))


def fault(mode: Mode, tool: str) -> str | None:
    """Why a tool's score is not the one of the mode, where that is known."""
    libri = tool.startswith("libriabx")
    if "zeros" in mode.data and tool.startswith("fastabx"):
        return "null frames become the direction of all ones"
    if "zeros" in mode.data and libri and mode.pooling != "none":
        return "the mark of null frames is averaged with the frames"
    if libri and mode.distance == "kl":
        return "frames made of length one, and within speakers half of the distances taken from the other direction"
    if libri and mode.distance in ("euclidean", "kl_symmetric"):
        return "frames made of length one whatever the distance (our l2_normalise)"
    if "half" in mode.data and tool.startswith("fastabx") and mode.slicing == "librilight":
        return "decimal times, where Libri-Light's are binary: other frames on ties"
    if "vq20" in mode.data and "fixed" not in mode.distance:
        return "rounding decides between paths of equal cost"
    return None


def main(argv: list[str] | None = None) -> int:
    """Returns how many scores differ without a known reason."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--golden", type=Path, default=DATA.parent / "golden" / "abx")
    parser.add_argument("--output", type=Path, help="Markdown file")
    args = parser.parse_args(argv)
    if not (args.golden / "expected.json").is_file():
        sys.exit(f"error: {args.golden / 'expected.json'}: no such file; give the folder of golden scores by --golden")
    rows = list(scores(args.golden))
    text = "\n".join(table(rows)) + "\n"
    print(text)
    if args.output:
        args.output.parent.mkdir(parents=True, exist_ok=True)
        args.output.write_text(text, encoding="utf-8")
    return sum(unexplained(*row) for row in rows)


def scores(golden: Path) -> Iterator[tuple[Mode, float, dict[str, float]]]:
    """Every mode, our error, and theirs."""
    for key, theirs in read_json(golden / "expected.json").items():
        mode = Mode.of(key)
        rate = read_json(golden / mode.data / "meta.json")["rate"]
        encodings = Encodings.open(golden / mode.data / "npy", stride=RATE / rate)
        encodings.settings["rate"] = RATE
        by = () if mode.context == "any" else ("prev-phone", "next-phone")
        items = read_items(golden / mode.data / "data.item", RATE, by=by)
        yield mode, abx(items, encodings, mode.speaker, mode.protocol).error, theirs


def unexplained(mode: Mode, ours: float, theirs: dict[str, float]) -> int:
    return sum(abs(ours - theirs[tool]) > AGREED and fault(mode, tool) is None for tool in TOOLS if tool in theirs)


def table(rows: list[tuple[Mode, float, dict[str, float]]]) -> Iterator[str]:
    """Markdown; a score that is not ours to six decimals has a number, and the reason below."""
    reasons: list[str] = []
    yield f"| {' | '.join((*Mode._fields, 'unitdisc', *TOOLS))} |"
    yield "|---" * (len(Mode._fields) + 1 + len(TOOLS)) + "|"
    agreed = compared = 0
    for mode, ours, theirs in rows:
        cells = []
        for tool in TOOLS:
            if tool not in theirs:
                cells.append("")
                continue
            compared += 1
            if abs(ours - theirs[tool]) <= AGREED:
                agreed += 1
                cells.append(f"{theirs[tool]:.6f}")
                continue
            reason = fault(mode, tool) or "unexplained"
            if reason not in reasons:
                reasons.append(reason)
            cells.append(f"{theirs[tool]:.6f} ({reasons.index(reason) + 1})")
        yield f"| {' | '.join((*mode, f'{ours:.6f}', *cells))} |"
    yield ""
    yield f"{agreed} of {compared} scores are ours within {AGREED:g}. The others:"
    yield ""
    for number, reason in enumerate(reasons, start=1):
        yield f"{number}. {reason}"


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
