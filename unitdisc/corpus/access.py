"""How a corpus is read: what every function that opens recordings is told, in one value."""

from dataclasses import dataclass
from pathlib import Path

from unitdisc.jobs import WHOLE, Shard


@dataclass(frozen=True)
class CorpusAccess:
    """How the files of a corpus are read.

    cache: folder that keeps features, and which recordings are good, from one run to the next.
    allow_pipes: run the `command |` entries of a Kaldi wav.scp; never those of somebody you do not trust.
    strict: raise CorpusError at a bad file, instead of saying so and leaving it out.
    trust: believe what the list says, and open no recording before it is needed: for a corpus found good before.
    shard: the share of the work to do. Every share reads the list of the whole corpus.
    """

    cache: Path | None = None
    allow_pipes: bool = False
    strict: bool = False
    trust: bool = False
    shard: Shard = WHOLE
