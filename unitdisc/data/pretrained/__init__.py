"""Networks that others trained, read as they are distributed for `transformers`: their frames as features."""

from unitdisc.data.pretrained.folders import PretrainedError
from unitdisc.data.pretrained.lines import PretrainedColumns
from unitdisc.data.pretrained.network import PretrainedNetwork, run_on
from unitdisc.data.pretrained.recordings import PretrainedFeatures

__all__ = ["PretrainedColumns", "PretrainedError", "PretrainedFeatures", "PretrainedNetwork", "run_on"]
