"""Who is a woman, who a man, and whom a split holds out."""

import re
from collections.abc import Mapping
from itertools import chain, zip_longest

import numpy as np

from unitdisc.corpus import CorpusError, Utterance
from unitdisc.prep.notes import Notes
from unitdisc.prep.scripts import some_of

WOMEN = (
    "f female feminine fem w woman women girl weiblich frau femme féminin femenino mujer feminino mulher donna vrouw"
)
MEN = "m male masculine masc man men boy männlich mann homme masculin masculino hombre homem maschio uomo maschile"
GENDERS = dict.fromkeys(WOMEN.split(), "f") | dict.fromkeys(MEN.split(), "m")


def gender_of(value: object, name: str, notes: Notes) -> str | None:
    """ "f" or "m", whatever a table calls it; None, and a note about `name`, for everything else."""
    words = re.findall(r"[^\W\d_]+", str(value or "").casefold())
    found = {GENDERS.get(word) for word in words}
    if len(found) == 1 and None not in found:
        return found.pop()
    if value is not None and str(value).strip():
        notes.add(f"the gender {str(value)[:40]!r} is neither that of women nor of men, and is left out", name)
    return None


def hold_out(
    utterances: list[Utterance], which: str, seed: int, who: str = "speaker", default: str | None = None
) -> dict[str, list[Utterance]]:
    """A split into "train" and "test" without common speakers.

    `which` is a number of speakers, a share of them, or their names with commas between. Drawn speakers are women and
    men by turns, as long as there are both. Who is not known stays in "train", which is said. who, default: as in
    `add_speaker_options`, for messages.

    Raises CorpusError for unknown names, and if either side would be empty.
    """
    genders = {u.speaker: u.gender or "" for u in utterances if u.speaker is not None}
    chosen = held_out(genders, which, seed, who, default)
    notes = Notes()
    for utterance in utterances:
        if utterance.speaker is None:
            notes.add(f"without a {who}, so in train, though it may be one of those held out", utterance.id)
    notes.say()
    return {
        "train": [u for u in utterances if u.speaker not in chosen],
        "test": [u for u in utterances if u.speaker in chosen],
    }


def held_out(
    genders: Mapping[str, str], which: str, seed: int, who: str = "speaker", default: str | None = None
) -> set[str]:
    """The speakers to hold out, of speaker -> gender ("" where it is not known); drawn and refused as in `hold_out`."""
    asked = f"--test-{who}s {which}" + (", which is its default," if which == default else "")
    if not genders:
        raise CorpusError(f"{asked} holds out {who}s, but none is known; say who they are, or leave the option out")
    chosen = draw_speakers(genders, which, seed)
    there = some_of(sorted(genders))
    if unknown := sorted(chosen - genders.keys()):
        raise CorpusError(f"{asked}: no {who}s {unknown} to hold out: choose from {there}")
    if not chosen or chosen == genders.keys():
        what = f"{asked} would hold out {len(chosen)} of {len(genders)} {who}s, but both sides need at least one"
        raise CorpusError(f"{what}; give a number below {len(genders)}, or names from {there}")
    return chosen


def draw_speakers(genders: Mapping[str, str], which: str, seed: int) -> set[str]:
    try:
        number = float(which)
        number = round(number * len(genders)) if 0 < number < 1 else int(which)
    except ValueError:
        return {name.strip() for name in which.split(",") if name.strip()}
    rng = np.random.default_rng(seed)
    pools = [
        rng.permutation(sorted(name for name in genders if genders[name] == gender)).tolist()
        for gender in sorted(set(genders.values()))
    ]
    by_turns = chain.from_iterable(zip_longest(*pools))
    return set([name for name in by_turns if name is not None][: max(number, 0)])
