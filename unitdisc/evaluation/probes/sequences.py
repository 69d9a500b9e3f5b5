"""CTC probes: what is said, written down without being told when (Graves et al., 2006); error rates over a corpus."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol, get_args

import numpy as np
import torch
import torch.nn.functional as F
from rapidfuzz.distance import Levenshtein
from torch import Tensor, nn

from unitdisc.corpus import Utterance
from unitdisc.corpus.bidi import logical
from unitdisc.evaluation import UnscorableError, labelled, silences_of
from unitdisc.evaluation.intervals import intervals
from unitdisc.evaluation.probes.cross_validation import shuffled, tensor
from unitdisc.evaluation.probes.models import Windows, seeded_linear, standardised, whitening_of
from unitdisc.evaluation.probes.options import ProbeOptions, SequenceReader
from unitdisc.evaluation.probes.points import PointFrames
from unitdisc.evaluation.probes.results import SequenceScore
from unitdisc.evaluation.probes.splits import Folds, given, labelled_alone, other_groups
from unitdisc.evaluation.probes.tasks import can_be_grouped, labels_split, speaker_names
from unitdisc.evaluation.texts import met

HIDDEN = 128
KERNEL = 5  # frames that the convolution sees
EPOCHS = 40
LEAST_STEPS = 1_500
BATCH = 4  # utterances
LEARNING_RATE = 3e-3
DECAY = 0.01
WHITENED = 20_000  # frames that inputs are whitened by
EXAMPLES = 5
BLANK = 0
FLAT = 0.2  # of the steps begin with labels spread evenly, as in Kaldi: else readers of frames write next to nothing


@dataclass(frozen=True)
class SequenceTask:
    """The labels of a tier, pauses left out, or the characters of the text.

    A label of recordings that lasts counts once; of line images every interval is a character of its own. Characters
    of line images come from left to right, as columns do, also where they are read the other way.
    Raises ValueError for a reader that there is none of.
    """

    tier: str | None = "phone"  # None: the text
    reader: SequenceReader = "mlp"
    unseen_speakers: bool = True  # False: on other utterances, by whomever, as for the lines of a single scribe
    batch: int = BATCH  # utterances at a time in training
    epochs: int = EPOCHS  # or LEAST_STEPS, whichever takes longer

    def __post_init__(self):
        if self.reader not in get_args(SequenceReader):
            known = list(get_args(SequenceReader))
            raise ValueError(f"a CTC probe cannot read with {self.reader!r}; its readers are {known}")

    def sequence(self, utterance: Utterance) -> list[str]:
        if self.tier is None:
            return met(utterance)
        if utterance.is_image:
            there = self.tier in utterance.alignment
            return [interval.label for interval in labelled(utterance, self.tier)] if there else []
        labels = [interval.label for interval in utterance.alignment.get(self.tier, [])]
        merged = [label for place, label in enumerate(labels) if place == 0 or labels[place - 1] != label]
        return [label for label in merged if label not in silences_of(utterance)]


class SequenceReaderModule(nn.Module):
    """Windows of frames to log-probabilities of labels: [B, T, I], [B, T] -> [B, T, K]."""

    def __init__(self, kind: SequenceReader, dim: int, classes: int, generator: torch.Generator):
        super().__init__()
        self.hidden = None if kind == "linear" else seeded_linear(dim, HIDDEN, generator)
        self.around = seeded_linear(KERNEL * HIDDEN, HIDDEN, generator) if kind == "conv" else None
        self.output = seeded_linear(dim if kind == "linear" else HIDDEN, classes, generator)

    def forward(self, windows: Tensor, mask: Tensor) -> Tensor:
        if self.hidden is not None:
            windows = F.relu(self.hidden(windows)) * mask[..., None]
        if self.around is not None:
            padded = F.pad(windows, (0, 0, KERNEL // 2, KERNEL // 2))  # silence around the utterance, as after it
            windows = F.relu(self.around(padded.unfold(1, KERNEL, 1).flatten(2)))
        return self.output(windows).log_softmax(-1)


class Writer(Protocol):
    """What has learned to write down utterances."""

    def write(self, utterance: int) -> list[str]:
        """What is said in an utterance, by its number."""


Learns = Callable[[SequenceTask, PointFrames, np.ndarray, np.ndarray, ProbeOptions], Writer]  # as `CtcReader` does


def sequence_probe(
    task: SequenceTask, point: PointFrames, options: ProbeOptions, learns: Learns | None = None
) -> SequenceScore:
    """Scores a task at a probe point.

    learns: from utterances and their sequences; None: `CtcReader`, from their frames.
    Raises UnscorableError if there are no labels, no two speakers, or too few frames for the labels everywhere.
    """
    sequences, folds = sequences_and_folds(task, point, options)
    written = transcribed(task, point, sequences, folds, options, learns or CtcReader)
    speakers = speaker_names(point)
    scored = np.concatenate([test for _, test in folds])
    edits = np.array([edit_counts(sequences[u], written[u]) for u in scored])
    labels = np.array([len(sequences[u]) for u in scored])
    noise = {}
    if options.controls:
        by_noise = transcribed(task, point, sequences, folds, options, CtcReader, shuffle=True)
        wrong = sum(sum(edit_counts(sequences[u], by_noise[u])) for u in scored)
        noise = {"shuffled": float(wrong / labels.sum())}
    return SequenceScore(
        error_rate=float(edits.sum() / labels.sum()),
        intervals=intervals(edits.sum(1), labels, scored, speakers[scored], options.seed),
        **dict(zip(("substitutions", "deletions", "insertions"), map(int, edits.sum(0)))),
        labels=int(labels.sum()),
        items=len(scored),
        classes=len({label for u in scored for label in sequences[u]}),
        speakers=len(set(speakers[scored]) - {""}),
        folds=len(folds),
        split=labels_split(task.unseen_speakers).value,
        too_short=sum(least_frames(sequence) > length for sequence, length in zip(sequences, point.lengths().tolist())),
        examples=[
            [
                point.utterances[u].id,
                *(spelled(task, point.utterances[u], labels) for labels in (sequences[u], written[u])),
            ]
            for u in np.sort(scored)[:EXAMPLES]
        ],
        **noise,
    )


def sequences_and_folds(task: SequenceTask, point: PointFrames, options: ProbeOptions) -> tuple[list[list[str]], Folds]:
    """What is said in every utterance, nothing in those that cannot be scored; which are learned from and scored.

    Raises UnscorableError if there are no labels, or no two speakers.
    """
    sequences = [task.sequence(utterance) for utterance in point.utterances]
    speakers = speaker_names(point)
    usable = np.array([bool(sequence) for sequence in sequences])
    if not usable.any():
        source = "a text" if task.tier is None else f"labels in tier {task.tier!r}"
        raise UnscorableError(f"no utterance has {source}")
    split = labels_split(task.unseen_speakers)
    usable &= [can_be_grouped(point, number, split) for number in range(len(point))]
    sequences = [sequence if there else [] for sequence, there in zip(sequences, usable)]
    chosen = np.flatnonzero(usable)
    if point.is_training is None:
        sides = other_groups(split, chosen, speakers[chosen], options.seed)
    else:
        sides = [given(split, chosen, speakers[chosen], point.is_training[chosen])]
    folds = [(chosen[train], chosen[test]) for train, test in sides]
    folds = labelled_alone(folds, np.arange(len(point)), options.labelled, [options.seed, options.draw])
    return sequences, folds


def spelled(task: SequenceTask, utterance: Utterance, labels: Sequence[str]) -> str:
    """Labels to be read: those of line images from right to left, too, where the script is read so."""
    return ("" if task.tier is None else " ").join(logical(labels) if utterance.is_image else labels)


def least_frames(sequence: Sequence[str]) -> int:
    """What CTC takes to write a sequence: a frame for every label, and a blank between two that are the same."""
    return len(sequence) + sum(label == following for label, following in pairwise(sequence))


def edit_counts(reference: Sequence[str], written: Sequence[str]) -> tuple[int, int, int]:
    """Substitutions, deletions and insertions of a shortest way from the reference to what was written."""
    tags = [edit.tag for edit in Levenshtein.editops(reference, written)]
    return tags.count("replace"), tags.count("delete"), tags.count("insert")


def transcribed(
    task: SequenceTask,
    point: PointFrames,
    sequences: Sequence[Sequence[str]],
    folds: Folds,
    options: ProbeOptions,
    learns: Learns,
    shuffle: bool = False,
) -> dict[int, list[str]]:
    """What readers write of every utterance that is scored, by its number. shuffle: they learned others' sequences."""
    written = {}
    targets = np.empty(len(sequences), object)
    targets[:] = [tuple(sequence) for sequence in sequences]
    for number, (train, test) in enumerate(folds):
        known = shuffled(targets, np.arange(len(targets)), train, [options.seed, number]) if shuffle else targets
        long_enough = np.array([least_frames(known[u]) <= point.lengths()[u] for u in train])
        if not long_enough.any():
            first = point.utterances[train[0]]
            raise UnscorableError(
                f"{point.folder}/{first.id}.npy: {point.lengths()[train[0]]} frames cannot spell its "
                f"{len(known[train[0]])} labels, nor can those of any other utterance; "
                "encode the corpus with more frames per second"
            )
        reader = learns(task, point, train[long_enough], known, options)
        written |= {u: reader.write(u) for u in test}
    return written


class CtcReader:
    """A reader trained on some utterances of a point, and what it takes to show it others."""

    def __init__(
        self,
        task: SequenceTask,
        point: PointFrames,
        train: np.ndarray,
        targets: np.ndarray,
        options: ProbeOptions,
    ):
        self.point = point
        self.names = sorted({label for u in train for label in targets[u]})
        self.device = torch.device(options.device)
        centre = np.concatenate([np.arange(*point.bounds[u : u + 2]) for u in train])
        owner = np.repeat(np.arange(len(point)), point.lengths())
        place = [np.arange(len(point.frames)), point.bounds[owner], point.bounds[owner + 1] - 1]
        self.windows = Windows(
            torch.from_numpy(point.frames).to(self.device),
            *(tensor(index, self.device) for index in place),
            options.context_frames,
            *standardised(point.frames[centre], self.device),
        )
        seen = np.random.default_rng(options.seed).permutation(centre)[:WHITENED]
        self.whitening = whitening_of(self.windows.read(tensor(np.sort(seen), self.device)))
        self.generator = torch.Generator().manual_seed(options.seed)
        classes = 1 + len(self.names)
        reader = SequenceReaderModule(task.reader, self.windows.dim, classes, self.generator)
        self.reader = reader.to(self.device)
        self.train(train, targets, task)

    def train(self, train: np.ndarray, targets: np.ndarray, task: SequenceTask) -> None:
        codes = {name: code for code, name in enumerate(self.names, start=BLANK + 1)}
        order = train[np.argsort(self.point.lengths()[train], kind="stable")]  # batches of one length
        batches = [order[start : start + task.batch] for start in range(0, len(order), task.batch)]
        epochs = max(task.epochs, -(-LEAST_STEPS // len(batches)))
        search = torch.optim.AdamW(self.reader.parameters(), lr=LEARNING_RATE, weight_decay=DECAY)
        fall = torch.optim.lr_scheduler.LinearLR(search, 1.0, 0.0, epochs * len(batches))
        for epoch in range(epochs):
            for number in torch.randperm(len(batches), generator=self.generator).tolist():
                batch = batches[number]
                labels = [torch.tensor([codes[label] for label in targets[u]]) for u in batch]
                lengths = torch.from_numpy(self.point.lengths()[batch])
                read = self.read(batch)
                if epoch < FLAT * epochs:
                    spread = [each[torch.arange(n) * len(each) // n] for each, n in zip(labels, lengths.tolist())]
                    inside = torch.arange(read.shape[1]) < lengths[:, None]
                    loss = F.nll_loss(read[inside.to(self.device)], torch.cat(spread).to(self.device))
                else:
                    counts = torch.tensor([len(each) for each in labels])
                    joined = torch.cat(labels).to(self.device)
                    loss = F.ctc_loss(read.transpose(0, 1), joined, lengths, counts, blank=BLANK)
                search.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(self.reader.parameters(), 5.0)
                search.step()
                fall.step()

    def read(self, utterances: np.ndarray) -> Tensor:
        """Log-probabilities, padded to the longest: [B] -> [B, T, K]."""
        lengths = torch.from_numpy(self.point.lengths()[utterances]).to(self.device)
        inside = torch.arange(int(lengths.max()), device=self.device) < lengths[:, None]
        frames = np.concatenate([np.arange(*self.point.bounds[u : u + 2]) for u in utterances])
        windows = self.windows.read(tensor(frames, self.device)) @ self.whitening
        padded = torch.zeros(*inside.shape, windows.shape[1], device=self.device)
        padded[inside] = windows
        return self.reader(padded, inside)

    @torch.no_grad()
    def write(self, utterance: int) -> list[str]:
        """The best path, repetitions and blanks left out."""
        if not self.point.lengths()[utterance]:
            return []
        path = self.read(np.array([utterance]))[0].argmax(1).tolist()
        runs = [code for place, code in enumerate(path) if place == 0 or path[place - 1] != code]
        return [self.names[code - 1] for code in runs if code != BLANK]
