"""The ARPA format of n-gram models, which KenLM, SRILM and others read and write."""

import re
from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from unitdisc.files import written_aside
from unitdisc.files.text import Line, fields_of, read_lines
from unitdisc.language.errors import LanguageError
from unitdisc.language.ngram import Grams, NgramModel
from unitdisc.language.sequences import BEGIN, SPECIAL
from unitdisc.language.vocabulary import Vocabulary

GIVE = "give an ARPA file, or the folder of a language model"
MISSING = -100.0  # log10, as KenLM has it where a model has no <unk>
COUNT = re.compile(r"ngram\s+(\d+)\s*=\s*(\d+)")


def write_arpa(path: Path, model: NgramModel) -> None:
    """Numbers are written so that they are read as the same; `<s>`, which is never predicted, has 0, as of `lmplz`."""
    symbols = list(model.vocabulary.symbols)
    texts = [""]
    with written_aside(path) as aside, aside.open("w", encoding="utf-8") as file:
        file.write("\\data\\\n")
        file.writelines(f"ngram {order}={len(grams)}\n" for order, grams in enumerate(model.grams, 1))
        for order, grams in enumerate(model.grams, 1):
            file.write(f"\n\\{order}-grams:\n")
            shorter = texts
            texts = [
                f"{shorter[context]} {symbols[last]}" if order > 1 else symbols[last]
                for context, last in zip(grams.contexts.tolist(), grams.last.tolist())
            ]
            probs = np.where(np.isneginf(grams.log_probs), 0.0, grams.log_probs).tolist()
            if order == model.order:
                file.writelines(f"{prob}\t{text}\n" for prob, text in zip(probs, texts))
            else:
                rows = zip(probs, texts, grams.backoffs.tolist())
                file.writelines(f"{prob}\t{text}\t{backoff}\n" for prob, text, backoff in rows)
        file.write("\n\\end\\\n")


def read_arpa(path: Path) -> NgramModel:
    """Raises LanguageError naming the line of what is no ARPA file, or of an n-gram whose beginning is not listed."""
    lines = (line for line in read_lines(path, LanguageError, GIVE) if line.text.strip())
    sizes = read_head(path, lines)
    vocabulary, grams = None, []
    for order, size in enumerate(sizes, 1):
        words, probs, backoffs, numbers = read_section(path, lines, order, size=size, last=order == len(sizes))
        if vocabulary is None:
            vocabulary = vocabulary_of(path, words)
            grams.append(unigrams(vocabulary, words, probs, backoffs=backoffs))
        else:
            grams.append(higher(path, NgramModel(vocabulary, grams), words, numbers, probs=probs, backoffs=backoffs))
    end = next(lines, Line(0, ""))
    if end.text.strip() != "\\end\\":
        what = f"has {end.text[:40]!r}" if end.number else "ends"
        raise LanguageError(f"{path}{f':{end.number}' if end.number else ''}: {what} where \\end\\ must be; {GIVE}")
    return NgramModel(vocabulary, grams)


def read_head(path: Path, lines: Iterator[Line]) -> list[int]:
    """How many n-grams there are of every order."""
    first = next(lines, Line(1, ""))
    if first.text.strip() != "\\data\\":
        raise LanguageError(f"{path}:{first.number}: does not begin with \\data\\, as ARPA files do; {GIVE}")
    sizes: list[int] = []
    for line in lines:
        found = COUNT.fullmatch(line.text.strip())
        if found is None or int(found[1]) != len(sizes) + 1:
            if line.text.strip() == "\\1-grams:" and sizes:
                return sizes
            raise LanguageError(f"{path}:{line.number}: must be `ngram {len(sizes) + 1}=COUNT` or \\1-grams:; {GIVE}")
        sizes.append(int(found[2]))
    raise LanguageError(f"{path}: ends before its n-grams; copy it again, whole")


def read_section(
    path: Path, lines: Iterator[Line], order: int, size: int, last: bool
) -> tuple[list[list[str]], np.ndarray, np.ndarray, list[int]]:
    """The words of the n-grams of an order, their numbers, and the lines they stand on."""
    if order > 1:
        head = next(lines, None)
        if head is None or head.text.strip() != f"\\{order}-grams:":
            place = f"{path}:{head.number}: has {head.text[:40]!r}" if head else f"{path}: ends"
            raise LanguageError(
                f"{place} where \\{order}-grams: must be, after as many n-grams as its head says; {GIVE}"
            )
    words, probs, backoffs, numbers = [], array("d"), array("d"), []  # a head may ask for any room
    for place in range(size):
        line = next(lines, None)
        if line is None:
            raise LanguageError(f"{path}: ends after {place} of {size} {order}-grams; copy it again, whole")
        fields = fields_of(line.text)
        try:
            if len(fields) not in (order + 1, order + 2) or (last and len(fields) != order + 1):
                raise ValueError(f"{len(fields)} fields")
            probs.append(float(fields[0]))
            backoffs.append(float(fields[order + 1]) if len(fields) == order + 2 else 0.0)
            if not (probs[place] <= 0 and np.isfinite([probs[place], backoffs[place]]).all()):
                raise ValueError("no finite logarithms of probabilities")
        except ValueError as error:
            raise LanguageError(
                f"{path}:{line.number}: must be LOG10-PROBABILITY, {order} symbols"
                f"{'' if last else ' and perhaps LOG10-BACKOFF'} ({error}); copy it again, whole"
            ) from error
        words.append(fields[1 : order + 1])
        numbers.append(line.number)
    return words, np.array(probs), np.array(backoffs), numbers


def vocabulary_of(path: Path, words: list[list[str]]) -> Vocabulary:
    names = [symbol for (symbol,) in words]
    if len({*names}) < len(names):
        twice = next(name for place, name in enumerate(names) if name in names[:place])
        raise LanguageError(f"{path}: has the 1-gram {twice!r} twice; keep one of them")
    for needed in SPECIAL[1:]:
        if needed not in names:
            raise LanguageError(f"{path}: has no 1-gram {needed}, without which nothing begins and ends; {GIVE}")
    return Vocabulary((*SPECIAL, *(name for name in names if name not in SPECIAL)))


def unigrams(vocabulary: Vocabulary, words: list[list[str]], probs: np.ndarray, backoffs: np.ndarray) -> Grams:
    places = np.array([vocabulary.ids[symbol] for (symbol,) in words])
    log_probs, weights = np.full(len(vocabulary), MISSING), np.zeros(len(vocabulary))
    log_probs[places], weights[places] = probs, backoffs
    log_probs[BEGIN] = -np.inf
    return Grams(np.zeros(len(vocabulary), np.int64), np.arange(len(vocabulary)), log_probs, weights)


def higher(
    path: Path, below: NgramModel, words: list[list[str]], numbers: list[int], probs: np.ndarray, backoffs: np.ndarray
) -> Grams:
    """The n-grams of an order above the first. Raises LanguageError for one whose beginning is not listed."""
    ids = below.vocabulary.ids
    order = below.order + 1
    known = np.array([[ids.get(symbol, -1) for symbol in gram] for gram in words], dtype=np.int64).reshape(-1, order)
    contexts = known[:, 0]
    for n in range(2, order):
        contexts = below.places(n, np.where(known[:, n - 1] < 0, -1, contexts), known[:, n - 1])
    lost = np.flatnonzero((contexts < 0) | (known[:, -1] < 0))
    if len(lost):
        gram, missing = words[lost[0]], "its beginning is" if contexts[lost[0]] < 0 else "its last symbol is"
        raise LanguageError(
            f"{path}:{numbers[lost[0]]}: {' '.join(gram)[:60]!r} is listed, but {missing} not; make the file again"
        )
    keys = contexts * len(ids) + known[:, -1]
    sorted_by = np.argsort(keys, kind="stable")
    if (np.diff(keys[sorted_by]) == 0).any():
        place = sorted_by[1:][np.diff(keys[sorted_by]) == 0][0]
        raise LanguageError(
            f"{path}:{numbers[place]}: {' '.join(words[place])[:60]!r} is listed twice; keep one of them"
        )
    return Grams(contexts[sorted_by], known[sorted_by, -1], probs[sorted_by], backoffs[sorted_by])
