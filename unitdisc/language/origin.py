"""Whose units a language model was made of: what is kept of it, and how others are refused."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unitdisc.encodings import EncodingsError, read_settings
from unitdisc.language.bpe import Merges
from unitdisc.language.errors import LanguageError
from unitdisc.language.sequences import SPECIAL
from unitdisc.language.storage import Card

KEPT = ("experiment", "model", "num_codes", "point")  # of the settings of encodings
CURE = "make one of the codes that `unitdisc encode` writes with this experiment"


def origin_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What a card keeps of the encodings that a model is made of.

    Units that `segment` or `words` made of encodings are those of no experiment, whatever the settings say.
    """
    kept = {name: settings[name] for name in KEPT if settings.get(name) is not None}
    return kept if "segmentation" not in settings else {"point": settings.get("point"), "segmentation": True}


def units_in(card: Card) -> list[str]:
    """The units of a vocabulary, as text."""
    parts = Merges(card.merges).parts()
    symbols = [symbol for symbol in card.vocabulary if symbol not in SPECIAL]
    if card.symbols == "durations":
        return list(dict.fromkeys(symbol.rpartition("x")[0] for symbol in symbols))
    return list(dict.fromkeys(unit for symbol in symbols for unit in parts.get(symbol, [symbol])))


def refuse_others(place: Path, card: Card, experiment: Path, model: str, codes: int) -> str:
    """Raises LanguageError if a model is of other units than an experiment's; says what cannot be checked.

    place: the model's. model: the checksum of the weights of the experiment, whose codes are below `codes`.
    """
    if card.symbols == "words" or card.made_of.get("tier"):
        raise LanguageError(f"{place}: is a model of words, or labels, and not of units of {experiment}; {CURE}")
    for unit in units_in(card):
        if not (unit.isascii() and unit.isdigit()):
            raise LanguageError(f"{place}: has the symbol {unit!r}, which is no code of {experiment}; {CURE}")
        if int(unit) >= codes:
            raise LanguageError(f"{place}: has the unit {unit}, but codes of {experiment} are below {codes}; {CURE}")
    told = card.made_of.get("encodings") or settings_at(card.made_of.get("path"))
    if not told:
        return f"{place}: does not say whose units it was made of; that they are those of {experiment} is not checked"
    if told.get("model") != model:
        whose = f"{told['experiment']} (weights {told.get('model')})" if told.get("experiment") else "no experiment"
        what = f"the units of {whose}, at the point {told.get('point')}"
        raise LanguageError(f"{place}: was made of {what}, and not of those of {experiment} (weights {model}); {CURE}")
    return ""


def settings_at(path: Any) -> dict[str, Any]:
    """What the encodings say that a model was made of, if they are still there."""
    try:
        return origin_of(read_settings(Path(path)) or {}) if isinstance(path, str) else {}
    except EncodingsError:
        return {}
