"""Which models of language there are, and how large and how long trained each is."""

from dataclasses import dataclass, fields
from typing import Any

KEEP = ("best", "last")
NGRAM, LSTM, TRANSFORMER = "ngram", "lstm", "transformer"
MODELS: dict[str, dict[str, Any]] = {  # name: its kind, and how its options differ from their defaults
    "ngram": {"kind": NGRAM},
    "lstm-small": {"kind": LSTM, "layers": 2, "learning_rate": 1e-2},
    "lm-small": {"kind": TRANSFORMER},
    "lm-125m": {
        "kind": TRANSFORMER,
        "layers": 12,
        "dim": 768,
        "heads": 12,
        "context": 1024,
        "steps": 100_000,
        "batch_size": 64,
        "learning_rate": 6e-4,
        "weight_decay": 0.1,
        "average_decay": 0.9999,
        "precision": "bfloat16",
        "valid_every": 2000,
        "checkpoint_every": 2000,
    },
}


@dataclass(frozen=True)
class NgramOptions:
    """Of modified Kneser-Ney models."""

    order: int = 5
    fallback: bool = True  # discounts of .5, 1 and 1.5 where those of an order cannot be estimated; or stop there

    def __post_init__(self):
        if not 1 <= self.order <= 20:
            raise ValueError(f"`order` must be 1 to 20, not {self.order}")


@dataclass(frozen=True)
class NetworkOptions:
    """Of LSTM and Transformer; what is the same for both, and how they are trained."""

    layers: int = 4
    dim: int = 256  # of embeddings and layers
    heads: int = 4  # of attention; an LSTM has none
    context: int = (
        256  # symbols that are seen together: all that a Transformer sees, and what an LSTM learns from at once
    )
    dropout: float = 0.1
    steps: int = 2000
    batch_size: int = 32  # utterances, or stretches of them as long as the context
    gradient_accumulation: int = 1
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    schedule: str = "cosine"
    clip: float = 1.0
    average_decay: float = 0.99  # of the running average of weights, which is kept
    valid_share: float = 0.05  # of the utterances, held out; at most 64 batches of them are looked at
    valid_every: int = 500
    checkpoint_every: int = 500
    keep: str = "best"  # the weights of the checkpoint that expects held-out utterances best; or of the "last" one
    log_every: int = 50
    precision: str = "float32"
    seed: int = 0

    def __post_init__(self):
        for name in ("layers", "dim", "heads", "context", "batch_size"):
            if getattr(self, name) < (2 if name == "context" else 1):
                raise ValueError(f"{name} must be {2 if name == 'context' else 1} or more, not {getattr(self, name)}")
        if self.dim % self.heads:
            raise ValueError(f"dim {self.dim} must be a multiple of heads {self.heads}")
        if not 0 <= self.dropout < 1 or not 0 <= self.valid_share < 1:
            raise ValueError("dropout and valid_share must be 0 or more, and below 1")
        if self.keep not in KEEP:
            raise ValueError(f"keep must be one of {list(KEEP)}, not {self.keep!r}")


@dataclass(frozen=True)
class SymbolOptions:
    """What the symbols of a model are, and how they are made of codes."""

    symbols: str | None = None  # codes, units, durations, bpe or words; None: words where there are any, else units
    longest: int = 10  # frames of a unit with its duration, at most
    bpe_size: int = 500  # symbols of bpe, with those of which they are made

    def __post_init__(self):
        if self.longest < 1:
            raise ValueError(f"`longest` must be 1 frame or more, not {self.longest}")
        if self.bpe_size < 2:
            raise ValueError(f"`bpe_size` must be 2 symbols or more, not {self.bpe_size}")


def kind_of(model: str) -> str:
    """Raises ValueError if there is none."""
    if model not in MODELS:
        raise ValueError(f"there is no language model {model!r}; choose one of {[*MODELS]}")
    return MODELS[model]["kind"]


def preset(model: str) -> dict[str, Any]:
    """The options of a network that are not as usual."""
    return {
        name: value for name, value in MODELS[model].items() if name in {field.name for field in fields(NetworkOptions)}
    }
