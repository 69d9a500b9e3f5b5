"""Steps as people write them: "standardise:speaker,affine,(posteriorgram+lda,posteriorgram:256:0.3),smooth:3".

Steps are divided by commas; their options follow after colons, in order or as NAME=VALUE. Chains in parentheses, with a
plus sign between them, get the same frames, and what they make of them is put side by side.
"""

import re
from collections.abc import Iterator
from dataclasses import fields

from unitdisc.adaptation.affine import Affine
from unitdisc.adaptation.base import AdaptationError, Step
from unitdisc.adaptation.chain import Branches, Chain, refuse_repeated
from unitdisc.adaptation.lda import LDA
from unitdisc.adaptation.length import FixedLength
from unitdisc.adaptation.posteriorgram import Posteriorgram
from unitdisc.adaptation.smoothing import Smoothing
from unitdisc.adaptation.speaker_directions import SpeakerDirections
from unitdisc.adaptation.standardisation import Standardisation
from unitdisc.adaptation.whitening import Whitening

STEPS: dict[str, type[Step]] = {
    "affine": Affine,
    "lda": LDA,
    "length": FixedLength,
    "posteriorgram": Posteriorgram,
    "remove-speakers": SpeakerDirections,
    "smooth": Smoothing,
    "standardise": Standardisation,
    "whiten": Whitening,
}
CHAINS = {  # by name, what is known to be good
    "classical": "standardise:speaker,affine,"
    "(posteriorgram:256:0.4+lda:40:4:leading=13,posteriorgram:256:0.3),smooth:3",
}
TOKEN = re.compile(r"[(),+]|[^(),+]+")


def parse(text: str) -> Chain:
    """The chain that a text says. Raises AdaptationError where it says none."""
    tokens = [token.strip() for token in TOKEN.findall(written_out(text)) if token.strip()]
    chain, rest = chain_in(tokens, text)
    if rest:
        raise AdaptationError(f"steps {text!r}: there is a {rest[0]!r} too many")
    refuse_repeated(chain)
    return chain


def adapted_dim(text: str, dim: int) -> int:
    """How wide frames become by the steps of a text, which may be empty. Raises AdaptationError as `parse` does."""
    return parse(text).dim(dim) if text else dim


def written_out(text: str) -> str:
    """The steps of a chain that has a name, or the same text."""
    return CHAINS.get(text.strip(), text)


def chain_in(tokens: list[str], text: str) -> tuple[Chain, list[str]]:
    """The chain that tokens begin with, and those left over."""
    steps = []
    while True:
        step, tokens = step_in(tokens, text)
        steps.append(step)
        if tokens[:1] != [","]:
            return Chain(tuple(steps)), tokens
        tokens = tokens[1:]


def step_in(tokens: list[str], text: str) -> tuple[Step, list[str]]:
    """The step, or the branches, that tokens begin with, and those left over."""
    if not tokens or tokens[0] in (")", ",", "+"):
        raise AdaptationError(f"steps {text!r}: a step is missing; write them as standardise,whiten:half")
    if tokens[0] != "(":
        return step_of(tokens[0]), tokens[1:]
    chains, closing = [], "+"
    while closing == "+":
        chain, tokens = chain_in(tokens[1:], text)
        chains.append(chain)
        closing = tokens[0] if tokens else ""
    if closing != ")":
        raise AdaptationError(f"steps {text!r}: a parenthesis is not closed")
    return Branches(tuple(chains)), tokens[1:]


def step_of(text: str) -> Step:
    """The step that a text such as lda:40:context=4 says."""
    name, *options = (part.strip() for part in text.split(":"))
    if name not in STEPS:
        known = f"the steps are {sorted(STEPS)}; chains of them with a name, {sorted(CHAINS)}, stand alone"
        raise AdaptationError(f"there is no step {name!r}: {known}")
    kind = STEPS[name]
    try:
        return kind(**dict(options_in(kind, name, options)))
    except AdaptationError as error:
        raise AdaptationError(f"step {text!r}: {error}") from error


def options_in(kind: type[Step], name: str, options: list[str]) -> Iterator[tuple[str, int | float | str]]:
    """Names and values of options, those without a name in the order of the fields."""
    types = {field.name: field.type for field in fields(kind)}
    taken = set()
    for place, option in enumerate(options):
        key, equals, value = (part.strip() for part in option.partition("="))
        if not equals:
            key, value = (list(types) + [""] * len(options))[place], option
        if key not in types or key in taken:
            told = f"{key!r} is given twice" if key in taken else f"{option!r} is none of its options"
            raise AdaptationError(f"{told}: they are {list(types)}, in this order or as NAME=VALUE")
        taken.add(key)
        try:
            number = types[key](value)
        except ValueError as error:
            raise AdaptationError(f"{key} must be {types[key].__name__}, not {value!r}") from error
        if not isinstance(number, str) and not 0 <= number < float("inf"):
            raise AdaptationError(f"{key} must be 0 or more, not {value}")
        yield key, number
