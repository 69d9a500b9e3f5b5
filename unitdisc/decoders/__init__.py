"""Which decoders are there? Each learns to make the signal again of the condition: what is said, and by whom."""

from unitdisc.decoders.base import Continues, Decoder, LikelihoodDecoder
from unitdisc.decoders.columns import ColumnWaveNet
from unitdisc.decoders.deconv import Deconv
from unitdisc.decoders.frames import Frames
from unitdisc.decoders.pixelcnn import PixelCNN
from unitdisc.decoders.wavenet import WaveNet

__all__ = [
    "DECODERS",
    "ColumnWaveNet",
    "Continues",
    "Decoder",
    "Deconv",
    "Frames",
    "LikelihoodDecoder",
    "PixelCNN",
    "WaveNet",
]

DECODERS = {"frames": Frames, "wavenet": WaveNet, "columns": ColumnWaveNet, "deconv": Deconv, "pixelcnn": PixelCNN}
