"""Which decoders are there? Each learns to make the signal again of the condition: what is said, and by whom."""

from unitdisc.decoders.base import BoundsLikelihood, Continues, Decoder, DrawsInSteps, LikelihoodDecoder
from unitdisc.decoders.columns import ColumnWaveNet
from unitdisc.decoders.deconv import Deconv
from unitdisc.decoders.diffusion import Diffusion
from unitdisc.decoders.diffusion_columns import DiffusionColumns
from unitdisc.decoders.flow import Flow
from unitdisc.decoders.flow_columns import FlowColumns
from unitdisc.decoders.flow_wave import FlowWave
from unitdisc.decoders.frames import Frames
from unitdisc.decoders.pixelcnn import PixelCNN
from unitdisc.decoders.vocoder import Vocoder
from unitdisc.decoders.wavenet import WaveNet

__all__ = [
    "DECODERS",
    "BoundsLikelihood",
    "ColumnWaveNet",
    "Continues",
    "Decoder",
    "Deconv",
    "Diffusion",
    "DiffusionColumns",
    "DrawsInSteps",
    "Flow",
    "FlowColumns",
    "FlowWave",
    "Frames",
    "LikelihoodDecoder",
    "PixelCNN",
    "Vocoder",
    "WaveNet",
]

DECODERS = {
    "frames": Frames,
    "wavenet": WaveNet,
    "flow": Flow,
    "diffusion": Diffusion,
    "vocoder": Vocoder,
    "columns": ColumnWaveNet,
    "deconv": Deconv,
    "pixelcnn": PixelCNN,
    "flow-wave": FlowWave,
    "flow-columns": FlowColumns,
    "diffusion-columns": DiffusionColumns,
}
