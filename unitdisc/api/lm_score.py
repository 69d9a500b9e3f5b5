"""unitdisc lm-score: what a language model makes of units."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unitdisc import console
from unitdisc.api.paths import takes_paths
from unitdisc.evaluation.settings import versions
from unitdisc.files import write_json, write_text
from unitdisc.language.reading import Source
from unitdisc.language.scores import Bits, bits_of, read_pairs, spotted
from unitdisc.language.storage import open_language_model


@dataclass(frozen=True)
class LmScores:
    """Bits of units under a model.

    figures: "as_they_are", "shuffled" and "reversed", each with bits, bits_per_symbol, perplexity and others, and
    bits_per_second where it is known how long utterances last; with pairs, "spot_the_word".
    """

    figures: dict[str, Any]
    names: list[str]  # of utterances
    bits: Bits
    settings: dict[str, Any]

    def write(self, path: Path) -> None:
        """Writes a JSON file."""
        write_json(Path(path), self.figures | {"settings": self.settings, "versions": versions()})

    def write_utterances(self, path: Path) -> None:
        """Writes JSON lines: the bits of every utterance."""
        rows = zip(self.names, self.bits.symbols.tolist(), self.bits.bits.tolist())
        lines = [json.dumps({"utterance": name, "symbols": many, "bits": bits}) for name, many, bits in rows]
        write_text(Path(path), "".join(f"{line}\n" for line in lines))


@takes_paths
def lm_score(
    model: Path,
    units: Path,
    *,
    pairs: Path | None = None,
    symbols: str | None = None,
    tier: str | None = None,
    frame_rate: float | None = None,
    allow_pipes: bool = False,
    device: str | None = None,
    seed: int = 0,
) -> LmScores:
    """How well a language model expects units: bits and perplexity; beside, shuffled, and from end to beginning.

    model: a folder of `unitdisc.lm_train`, or an ARPA file, whose symbols (default: words) nothing else says.
    units, tier, frame_rate: as of `lm_train`. pairs: a .tsv with the columns word and nonword, names of utterances, and
    perhaps kind: how often the word is the likelier. seed: of the shuffled symbols.

    Raises LanguageError, EncodingsError and CorpusError naming what cannot be read.

    >>> unitdisc.lm_score("exp/lm", "exp/vq/encodings/test/bottleneck").figures["as_they_are"]["perplexity"]
    """
    stored = open_language_model(model, symbols)
    stored.model.to(device)
    sequences, read, cut = stored.card.sequences(Source(units, tier, frame_rate, allow_pipes=allow_pipes))
    console.say_problems(read.empty, len(sequences))
    if cut:
        console.say(cut)
    chosen = None if pairs is None else read_pairs(pairs, sequences.names)
    found = bits_of(stored.model, sequences)
    figures = {
        "as_they_are": found.figures(),
        "shuffled": bits_of(stored.model, sequences.shuffled(seed)).figures(),
        "reversed": bits_of(stored.model, sequences.reversed()).figures(),
    }
    if unknown := figures["as_they_are"]["unknown"]:
        console.say(f"{unknown} of {len(sequences.tokens)} symbols are not known to the model, and count as <unk>")
    if chosen is not None:
        figures["spot_the_word"] = spotted(chosen, sequences.names, found)
    settings = {"model": str(model), "units": str(units), "tier": tier, "symbols": stored.card.symbols, "seed": seed}
    return LmScores(figures, sequences.names, found, settings)
