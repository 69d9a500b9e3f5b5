"""The one door to every corpus: a manifest or a Kaldi data directory becomes a list of utterances."""

from pathlib import Path

from unitdisc.corpus.kaldi.reading import PIPE, is_kaldi, read_kaldi
from unitdisc.corpus.manifest import read_manifest
from unitdisc.corpus.utterance import CorpusError, Utterance, is_pipe


def read_corpus(path: str | Path, allow_pipes: bool = False) -> list[Utterance]:
    """Reads a manifest (`.jsonl`) or a Kaldi data directory: utterances in its order, whose files are not opened.

    Raises CorpusError if it is neither, if a line is wrong, or if a recording is a pipe without `allow_pipes`.

    >>> utterances = unitdisc.read_corpus("data/test.jsonl")
    >>> utterances[0].id, utterances[0].speaker, utterances[0].alignment["phone"][:3]  # times in ticks
    """
    path = Path(path)
    if is_kaldi(path):
        return read_kaldi(path, allow_pipes)
    if not is_manifest(path):
        raise CorpusError(f"{path}: {not_a_corpus(path)}")
    utterances = list(read_manifest(path))
    for utterance in utterances:
        if is_pipe(utterance.path) and not allow_pipes:
            raise CorpusError(f"{path}: the recording of {utterance.id} {PIPE}")
    return utterances


def is_manifest(path: Path) -> bool:
    return path.suffix == ".jsonl" and path.is_file()


def not_a_corpus(path: Path) -> str:
    """Says what is at `path` instead of a corpus, and where one may be."""
    near = []
    if not path.exists():
        what = "no such file or folder"
    elif path.is_dir():
        what = "a folder without wav.scp or images.scp"
        near = [*path.glob("*.jsonl"), *(folder for folder in path.glob("*") if is_kaldi(folder))]
    else:
        what = "neither a manifest nor a folder"
        near = [path.parent] if path.name in ("wav.scp", "images.scp") else []
    suggestion = f" (did you mean {' or '.join(sorted(map(str, near))[:3])}?)" if near else ""
    return f"{what}; give a .jsonl manifest or a Kaldi data directory{suggestion}"
