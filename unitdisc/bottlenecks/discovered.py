"""The units of `unitdisc discover` as bottleneck: found by what was learned there, each told by vectors."""

import numpy as np
import torch
from torch import Tensor, nn

from unitdisc.bottlenecks.base import BottleneckOutput, OnHost, measured, perplexity
from unitdisc.segmentation.templates.durations import Durations
from unitdisc.segmentation.templates.lattice import Segments
from unitdisc.segmentation.templates.states import STATES, StateScores, arrays_of, scores_of, states_of
from unitdisc.training.precision import in_full


class Discovered(OnHost):
    """Every frame becomes a vector of the unit that it is in; what is blank has one, too.

    The encoder must be the network of the units, `encoder.kind = "experiment"`. Its posteriors are cut by the hybrid
    Viterbi of discovery, whole utterances at a time, so that codes are those that `unitdisc discover` gives. Nothing of
    that is learned any more: no gradient reaches the encoder, and only the vectors learn. They begin at the mean frames
    of the units.

    thirds: a unit has three vectors, one for each third of it, by which a decoder can tell how far it has come in the
    unit, and how long it lasts; else one.

    units: K, how many there are. blank: whether there are blanks, whose code is K. finer: how many frames are cut for
    every one of the network. `unitdisc train` reads these off the folder, so there is no need to give them.
    """

    def __init__(self, in_dim: int, units: int = 100, blank: bool = False, finer: int = 1, thirds: bool = True):
        super().__init__()
        if units < 1 or finer < 1:
            raise ValueError(f"units and finer must be 1 or more, not {units} and {finer}")
        self.dim = in_dim
        self.num_codes = units + blank
        self.blank = units if blank else None
        self.finer = finer
        states = STATES * units + blank
        self.head = nn.Linear(in_dim, states).requires_grad_(False)
        self.thirds = thirds
        self.vectors = nn.Parameter(torch.randn(states if thirds else self.num_codes, in_dim))  # [N, D]
        even = Durations(np.full(units, 3.0), np.ones(units), np.full(units, -np.log(units)), shortest=1, longest=9)
        arrays = arrays_of(StateScores(even, np.full(states, -np.log(states)), 0.0))
        for name, array in arrays.items():
            self.register_buffer(buffer_of(name), torch.from_numpy(np.array(array)))
        self.names = tuple(arrays)
        self.on_host = tuple(map(buffer_of, arrays))  # in double precision

    def forward(self, encoded: Tensor, mask: Tensor) -> BottleneckOutput:
        return self.told(self.cut(encoded, mask), encoded, mask)

    def of_cut(self, parts: Tensor, mask: Tensor) -> BottleneckOutput:
        """As `CutsUtterances` has it."""
        return self.told(torch.where(mask, parts, 0), None, mask)

    def told(self, parts: Tensor, encoded: Tensor | None, mask: Tensor) -> BottleneckOutput:
        """The vectors of thirds, or of whole units: [B, T]."""
        codes = parts // STATES
        latents = self.vectors[parts if self.thirds else codes]
        metrics = measured(lambda: {"perplexity": perplexity(codes[mask])})
        return BottleneckOutput(latents, latents if encoded is None else encoded, codes, metrics=metrics)

    def latents_of(self, codes: Tensor) -> Tensor:
        """Of codes of frames, as if every run of one code were one unit: [T] -> [T, D]."""
        return self.vectors[self.parts_of(codes) if self.thirds else codes]

    def parts_of(self, codes: Tensor) -> Tensor:
        """The third of its unit that every frame is in, where each run of one code is a unit: as `cut`, [T] -> [T]."""
        units, frames = (values.cpu().numpy() for values in torch.unique_consecutive(codes, return_counts=True))
        ends = np.cumsum(frames) * self.finer
        runs = units != (-1 if self.blank is None else self.blank)
        segments = Segments((ends - frames * self.finer)[runs], ends[runs], units[runs], cost=0.0)
        every = states_of(segments, len(codes) * self.finer, None if self.blank is None else STATES * self.blank)
        return torch.from_numpy(every[(self.finer - 1) // 2 :: self.finer]).to(codes.device)

    @property
    def scores(self) -> StateScores:
        """What segments cost."""
        return scores_of({name: self._buffers[buffer_of(name)].numpy() for name in self.names})

    @torch.no_grad()
    def cut(self, encoded: Tensor, mask: Tensor) -> Tensor:
        """The third of the unit that every frame is in, unit * STATES + which, or the blank: [B, T, C] -> [B, T].

        0 in the padding.
        """
        roots = in_full(self.head(encoded.relu())).softmax(-1).sqrt()  # as encodings of predictions keep them
        roots, scores = roots.float().cpu().numpy(), self.scores
        blank = None if self.blank is None else STATES * self.blank
        parts = torch.zeros(mask.shape, dtype=torch.long)
        for row, length in enumerate(mask.sum(1).tolist()):
            if length:
                found = scores.cut(np.square(roots[row, :length].astype(np.float64)), self.finer)
                every = states_of(found, length * self.finer, blank)
                parts[row, :length] = torch.from_numpy(every[(self.finer - 1) // 2 :: self.finer])
        return parts.to(mask.device)

    @torch.no_grad()
    def take_over(self, head: nn.Linear, scores: StateScores, vectors: np.ndarray) -> None:
        """Begins with what discovery has learned. vectors: the mean frames of units (and blanks) [K (+ 1), D]."""
        self.head.load_state_dict(head.state_dict())
        for name, array in arrays_of(scores).items():
            self._buffers[buffer_of(name)].copy_(torch.from_numpy(np.array(array)))
        of_parts = np.arange(len(self.vectors)) // (STATES if self.thirds else 1)
        self.vectors.copy_(torch.from_numpy(vectors[of_parts]))


def buffer_of(array: str) -> str:
    """What an array of scores is called here, where names have no dots."""
    return array.replace(".", "_")
