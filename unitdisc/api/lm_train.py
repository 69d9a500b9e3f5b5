"""unitdisc lm-train: a language model of units."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from unitdisc import console
from unitdisc.api.paths import takes_paths
from unitdisc.api.train import locked_by_first
from unitdisc.encodings.folders import refuse_among
from unitdisc.evaluation.settings import versions
from unitdisc.experiment import config
from unitdisc.files.folders import folder_for_results
from unitdisc.files.locks import locked
from unitdisc.language.arpa import write_arpa
from unitdisc.language.bpe import learn_merges
from unitdisc.language.co_occurrence import write_followers
from unitdisc.language.kneser_ney import FALLBACK, estimate
from unitdisc.language.origin import origin_of
from unitdisc.language.presets import NGRAM, NetworkOptions, NgramOptions, SymbolOptions, kind_of, preset
from unitdisc.language.reading import SYMBOLS, Source, as_symbols, read_source
from unitdisc.language.sequences import Sequences
from unitdisc.language.storage import ARPA, CARD, FOLLOWERS, Card, check_same, checksum
from unitdisc.language.vocabulary import Vocabulary


@takes_paths
def lm_train(
    model: str,
    units: Path,
    folder: Path,
    overrides: Sequence[str] = (),
    *,
    symbols: SymbolOptions = SymbolOptions(),
    tier: str | None = None,
    frame_rate: float | None = None,
    allow_pipes: bool = False,
    device: str | None = None,
) -> dict:
    """Makes a language model of units, or goes on training it; `unitdisc.lm_score` and `unitdisc.lm_sample` open it.

    model: "ngram", or the name of a preset of a network. units: encodings with codes, a .km or .jsonl file of codes, a
    .txt file of words, or, with a tier, a corpus. folder: to create, or to go on with. overrides: "OPTION=VALUE" each,
    of NgramOptions or NetworkOptions. frame_rate: of codes of other tools, a second. device: of networks.

    Returns the card: "vocabulary", "made_of", and, of n-grams, what was "found" of every order; of several
    processes, only the first does.
    Raises LanguageError and EncodingsError for units that cannot be read, and if the folder holds another model,
    ConfigError for options that cannot be, and LockedError while another run makes the same model.

    >>> unitdisc.lm_train("ngram", "exp/vq/encodings/test/bottleneck", "exp/lm", ["order=3"])["found"]["orders"]
    """
    kind, source = kind_of(model), Source(units, tier, frame_rate, allow_pipes=allow_pipes)
    folder_for_results(folder)
    refuse_among(folder / CARD, units)
    if kind == NGRAM:
        options = config.construct("[ngram]", NgramOptions, read_overrides(overrides))
        with locked(folder_for_results(folder)):
            return make_ngram(source, folder, options, symbols)
    from unitdisc.language.learning import train_network
    from unitdisc.training.devices import usable_device
    from unitdisc.training.distributed import processes, rank, together

    options = config.construct(f"[{model}]", NetworkOptions, preset(model) | read_overrides(overrides))
    with processes(device) as own, together(), locked_by_first(folder_for_results(folder)):
        usable = usable_device(own)
        sequences, card = read(source, symbols, kind, asdict(options), aloud=rank() == 0)
        check_same(folder, card)
        if rank() == 0:
            card.write(folder, versions())
            write_followers(
                folder / FOLLOWERS, Vocabulary(card.vocabulary).stream(sequences), Vocabulary(card.vocabulary)
            )
        train_network(sequences, Vocabulary(card.vocabulary), folder, kind=kind, options=options, device=usable)
        return asdict(card) if rank() == 0 else {}


def make_ngram(source: Source, folder: Path, options: NgramOptions, symbols: SymbolOptions) -> dict:
    """As `lm_train`, where no other run makes this model."""
    sequences, card = read(source, symbols, NGRAM, asdict(options))
    check_same(folder, card)
    vocabulary = Vocabulary(card.vocabulary)
    stream = vocabulary.stream(sequences)
    with console.progress("estimating", options.order, "orders") as advance:
        fallback = FALLBACK if options.fallback else None
        made, found = estimate(stream, vocabulary, options.order, fallback=fallback, advance=advance)
    if few := [str(order["order"]) for order in found["orders"] if order["fallback"]]:
        console.say(
            f"order {', '.join(few)}: the discounts cannot be estimated, for n-grams that count once, twice or three "
            "times are missing, or too many; taken instead: 0.5, 1 and 1.5"
        )
    card = replace(card, found=found)
    card.write(folder, versions())
    write_followers(folder / FOLLOWERS, stream, vocabulary)
    write_arpa(folder / ARPA, made)  # last: without it the model is not finished
    return asdict(card)


def read(source: Source, wanted: SymbolOptions, kind: str, options: dict, aloud: bool = True) -> tuple[Sequences, Card]:
    """What a model is made of, and its card. aloud: says what is left out or cut."""
    symbols = wanted.symbols or ("words" if source.has_words else "units")
    if symbols not in SYMBOLS:
        raise ValueError(f"`symbols` must be one of {list(SYMBOLS)}, not {symbols!r}")
    found = read_source(source)
    sequences, cut = as_symbols(found.sequences, symbols, source, longest=wanted.longest, merges=None)
    pairs: list[tuple[str, str]] = []
    if symbols == "bpe":
        merges = learn_merges(sequences, wanted.bpe_size)
        sequences, pairs = merges.applied(sequences), list(merges.pairs)
    if aloud:
        console.say_problems(found.empty, len(sequences))
        if cut:
            console.say(cut)
    known = {*sequences.symbols, *(symbol for pair in pairs for symbol in pair)}
    made_of = {
        "path": str(source.path),
        "tier": source.tier,
        "checksum": checksum(sequences),
        "utterances": len(sequences),
        "symbols": len(sequences.tokens),
    }
    if found.settings:
        made_of["encodings"] = origin_of(found.settings)
    if sequences.seconds is not None:
        made_of["seconds"] = float(sequences.seconds.sum())
    card = Card(
        kind,
        symbols,
        Vocabulary.of(known).symbols,
        longest=wanted.longest,
        merges=pairs,
        options=options,
        made_of=made_of,
    )
    return sequences, card


def read_overrides(overrides: Sequence[str]) -> dict:
    """Options of "OPTION=VALUE" each. Raises ConfigError for what is none."""
    found = {}
    for override in overrides:
        if "." in override.partition("=")[0]:
            raise config.ConfigError(f"cannot apply `overrides` {override!r}: write OPTION=VALUE, without a table")
        _, option, value = config.parse_override(f"lm.{override}")
        found[option] = value
    return found
