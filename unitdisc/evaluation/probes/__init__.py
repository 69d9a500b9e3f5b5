"""Probes: what a reader of encodings can tell of the phone, the speaker, the gender, and the sound itself.

Probes are trained on encodings alone and scored on what they have not heard: labels, gender and sound on other
speakers, speaker on other utterances. Inputs are standardised by the training part. Labels and sound are read off
frames, alone or in their context, speaker and gender off the time average of an utterance (Chorowski et al., 2019).
"""

from unitdisc.evaluation.probes.cross_validation import probe
from unitdisc.evaluation.probes.few import FewLabels, few_labels
from unitdisc.evaluation.probes.options import TRAINING_FRAMES, ProbeOptions
from unitdisc.evaluation.probes.points import PointFrames, joined, read_point
from unitdisc.evaluation.probes.results import ProbeScore, ReconstructionScore, SequenceScore, ready_for_json
from unitdisc.evaluation.probes.sequences import SequenceTask
from unitdisc.evaluation.probes.splits import FRAME_FOLDS, UTTERANCE_FOLDS
from unitdisc.evaluation.probes.suite import (
    PLAIN_TASKS,
    TASKS,
    Corpus,
    Progress,
    probe_points,
    probe_settings,
    probe_tasks,
    tasks_named,
    usual_names,
    usual_tasks,
)
from unitdisc.evaluation.probes.tasks import GenderTask, LabelTask, ReconstructionTask, SpeakerTask

__all__ = [
    "FRAME_FOLDS",
    "PLAIN_TASKS",
    "TASKS",
    "TRAINING_FRAMES",
    "UTTERANCE_FOLDS",
    "Corpus",
    "FewLabels",
    "GenderTask",
    "LabelTask",
    "PointFrames",
    "ProbeOptions",
    "ProbeScore",
    "Progress",
    "ReconstructionScore",
    "ReconstructionTask",
    "SequenceScore",
    "SequenceTask",
    "SpeakerTask",
    "few_labels",
    "joined",
    "probe",
    "probe_points",
    "probe_settings",
    "probe_tasks",
    "read_point",
    "ready_for_json",
    "tasks_named",
    "usual_names",
    "usual_tasks",
]
