"""ABX discriminability, the measure of the ZeroSpeech challenges, exact and with every convention by name."""

from unitdisc.evaluation.abx.averaging import AVERAGES
from unitdisc.evaluation.abx.cell_table import AbxCell
from unitdisc.evaluation.abx.distances import DISTANCES
from unitdisc.evaluation.abx.engine import SurveyedItems, abx
from unitdisc.evaluation.abx.item_frames import POOLINGS
from unitdisc.evaluation.abx.items import (
    CONTEXTS,
    AbxItem,
    AbxItems,
    label_items,
    phone_items,
    read_items,
    triphone_items,
)
from unitdisc.evaluation.abx.protocol import AbxProtocol
from unitdisc.evaluation.abx.results import AbxResult
from unitdisc.evaluation.abx.sampling import Sampling
from unitdisc.evaluation.abx.shards import Share, UnfinishedError
from unitdisc.evaluation.abx.slicing import SLICINGS

__all__ = [
    "AVERAGES",
    "CONTEXTS",
    "DISTANCES",
    "POOLINGS",
    "SLICINGS",
    "AbxCell",
    "AbxItem",
    "AbxItems",
    "AbxProtocol",
    "AbxResult",
    "Sampling",
    "Share",
    "SurveyedItems",
    "UnfinishedError",
    "abx",
    "label_items",
    "phone_items",
    "read_items",
    "triphone_items",
]
