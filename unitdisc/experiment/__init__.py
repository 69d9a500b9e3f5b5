"""What is an experiment made of? Options of every part, checked before hours are spent, and how it is kept on disk."""

from unitdisc.experiment.experiment import (
    DERIVED,
    WEIGHTS,
    Experiment,
    ExperimentError,
    load,
    read_part,
    save_weights,
    weights_checksum,
)

__all__ = [
    "DERIVED",
    "WEIGHTS",
    "Experiment",
    "ExperimentError",
    "load",
    "read_part",
    "save_weights",
    "weights_checksum",
]
