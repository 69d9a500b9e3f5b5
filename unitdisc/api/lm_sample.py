"""unitdisc lm-sample: units that a language model makes up."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from unitdisc import console
from unitdisc.api.paths import takes_paths
from unitdisc.files import write_text
from unitdisc.files.folders import file_for_results
from unitdisc.files.text import fields_of
from unitdisc.language.bpe import Merges
from unitdisc.language.errors import LanguageError
from unitdisc.language.reading import Source
from unitdisc.language.sampling import Sampled, SampleOptions, sample
from unitdisc.language.sequences import frames_of
from unitdisc.language.storage import Card, Stored, open_language_model

SUFFIXES = (".jsonl", ".txt")


@takes_paths
def lm_sample(
    model: Path,
    file: Path,
    options: SampleOptions = SampleOptions(),
    *,
    prompt: str = "",
    prompts: Path | None = None,
    prompt_symbols: int = 10,
    tier: str | None = None,
    symbols: str | None = None,
    device: str | None = None,
) -> list[list[str]]:
    """Has a language model make up sequences, and writes them; the units or words of each are returned.

    model: a folder of `unitdisc.lm_train`, or an ARPA file of `symbols` (default: words). file: NAME.jsonl, whose codes
    other commands read: one for every frame of a model of codes or durations, else one for every unit; or NAME.txt,
    with a sequence on every line. prompt: symbols of the model, with blanks between, that all go on from. prompts:
    units as of `lm_train` (of a tier), that are gone on with from their first `prompt_symbols` symbols.

    Raises LanguageError for a prompt that has symbols that the model does not know, and for what cannot be read.

    >>> unitdisc.lm_sample("exp/lm", "exp/lm/sampled.jsonl", unitdisc.SampleOptions(3, top_p=0.9))
    """
    if file.suffix not in SUFFIXES:
        raise ValueError(f"{file}: must end in .jsonl or .txt, the formats in which sequences are written")
    if prompt and prompts is not None:
        raise ValueError("`prompt` and `prompts` are two ways to say it; give one of them")
    if prompt_symbols < 1:
        raise ValueError(f"`prompt_symbols` must be 1 or more, not {prompt_symbols}")
    file_for_results(file, "OUT")
    stored = open_language_model(model, symbols)
    stored.model.to(device)
    given = [known(stored, fields_of(prompt), "`prompt`")] if prompt else []
    if prompts is not None:
        sequences, read, _ = stored.card.sequences(Source(prompts, tier))
        console.say_problems(read.empty, len(sequences))
        given = [
            known(stored, string[:prompt_symbols], f"{prompts}: {name}")
            for name, string in zip(sequences.names, sequences)
        ]
    with console.progress("sampling", options.sequences, "sequences") as advance:
        found = sample(stored.model, options, given, advance=advance)
    if cut := sum(not each.ended for each in found):
        console.say(f"{cut} of {len(found)} sequences were cut at {options.longest} symbols, as `longest` says")
    made = [[stored.model.vocabulary.symbols[id] for id in each.ids] for each in found]
    write_text(file, "".join(f"{line}\n" for line in lines(file, stored.card, found, made)))
    return made


def known(stored: Stored, string: Sequence[str], place: str) -> list[int]:
    """The ids of a prompt."""
    ids = stored.model.vocabulary.ids
    if strange := next((symbol for symbol in string if symbol not in ids), None):
        raise LanguageError(
            f"{place}: the model does not know the symbol {strange!r}; take others, as lm.json lists them"
        )
    return [ids[symbol] for symbol in string]


def lines(file: Path, card: Card, found: Sequence[Sampled], made: Sequence[Sequence[str]]) -> Iterator[str]:
    """What is written of every sequence."""
    width = len(str(len(made)))
    for number, (each, string) in enumerate(zip(found, made), 1):
        if file.suffix == ".txt":
            yield " ".join(string)
            continue
        parts = in_parts(card, string)
        of_codes = all(part.isascii() and part.isdigit() for part in parts)
        values = {"codes": [*map(int, parts)]} if of_codes else {"words": parts}
        named = {"utterance": f"sample-{number:0{width}d}", **values}
        yield json.dumps(named | {"prompt": len(in_parts(card, string[: each.prompt])), "ended": each.ended})


def in_parts(card: Card, string: Sequence[str]) -> list[str]:
    """The codes or words that symbols are made of."""
    if card.symbols == "durations":
        return [code for symbol in string for code in frames_of(symbol)]
    parts = Merges(card.merges).parts()
    return [part for symbol in string for part in parts.get(symbol, [symbol])]
