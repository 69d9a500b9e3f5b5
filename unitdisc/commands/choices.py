"""Lists of choices in help texts, read from where the choices are defined, without importing what they need.

A module that holds such a list may load torch; its source does not.
"""

import ast
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent.parent
LISTS = {  # what help texts list: a name in a file
    "abx averages": ("evaluation/abx/averaging.py", "AVERAGES"),
    "abx poolings": ("evaluation/abx/item_frames.py", "POOLINGS"),
    "blanks": ("segmentation/templates/options.py", "BLANKS"),
    "feature kinds": ("data/features.py", "FEATURES"),
    "find distances": ("retrieval/subsequence_dtw.py", "DISTANCES"),
    "formats": ("exports/formats.py", "FORMATS"),
    "language models": ("language/presets.py", "MODELS"),
    "naming strategies": ("naming/simulation.py", "STRATEGIES"),
    "network precisions": ("data/pretrained/network.py", "PRECISIONS"),
    "normalisations": ("data/normalisation.py", "KINDS"),
    "probe points": ("model.py", "PROBE_POINTS"),
    "reading formats": ("api/read.py", "READ_FORMATS"),
    "recording formats": ("media/packing.py", "FORMATS"),
    "segment distances": ("segmentation/corpora/costs.py", "DISTANCES"),
    "spellings of new words": ("word_segmentation/options.py", "SPELLINGS"),
    "dependencies": ("word_segmentation/options.py", "DEPENDENCIES"),
    "term searches": ("term_discovery/options.py", "SEARCHES"),
    "words on frames": ("word_segmentation/options.py", "ON_FRAMES"),
    "words on units": ("word_segmentation/options.py", "ON_UNITS"),
    "sequence readers": ("evaluation/probes/options.py", "SequenceReader"),
}


@cache
def choices(which: str) -> tuple[str, ...]:
    """The names in one of LISTS: the keys of a dictionary, the words of a tuple, or those of a Literal."""
    file, name = LISTS[which]
    for node in ast.parse((PACKAGE / file).read_bytes()).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            value = node.value.slice if isinstance(node.value, ast.Subscript) else node.value
            return tuple(ast.literal_eval(word) for word in (value.keys if isinstance(value, ast.Dict) else value.elts))
    raise LookupError(f"{file}: defines no {name}")


def presets() -> list[str]:
    """The names of the configs that come with unitdisc."""
    return sorted(path.stem for path in (PACKAGE / "experiment" / "presets").glob("*.toml"))


def one_of(which: str) -> str:
    """The names as a sentence has them: "a, b or c"."""
    *names, last = choices(which)
    return f"{', '.join(names)} or {last}"
