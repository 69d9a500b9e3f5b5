"""What does a model learn from? Objectives, each of which turns a batch into named losses."""

from unitdisc.objectives.adversarial_autoencoder import AdversarialAutoencoder
from unitdisc.objectives.adversary import SpeakerAdversary
from unitdisc.objectives.base import (
    ChangedInValidation,
    ChoosesFeatures,
    ComparesViews,
    FollowsEncoder,
    MakesItems,
    ModelOutput,
    ModelParts,
    Objective,
    PredictsCodes,
)
from unitdisc.objectives.classification import FrameClassification
from unitdisc.objectives.contrastive import CPC, AlignedCPC
from unitdisc.objectives.conversion import Conversion
from unitdisc.objectives.distillation import CodeDistillation, Distillation
from unitdisc.objectives.gan import Gan
from unitdisc.objectives.gan_latents import BiGan, InfoGan
from unitdisc.objectives.masked import MaskedPrediction
from unitdisc.objectives.players import Player
from unitdisc.objectives.pretexts import PRETEXTS
from unitdisc.objectives.reconstruction import Reconstruction
from unitdisc.objectives.restoration import Restoration
from unitdisc.objectives.swapped import SwappedPrediction
from unitdisc.objectives.vocoding import Vocoding
from unitdisc.objectives.wav2vec2 import Wav2Vec2

__all__ = [
    "OBJECTIVES",
    "ChangedInValidation",
    "ChoosesFeatures",
    "ComparesViews",
    "Conversion",
    "FollowsEncoder",
    "MakesItems",
    "ModelOutput",
    "ModelParts",
    "Objective",
    "Player",
    "PredictsCodes",
    "Reconstruction",
    "Restoration",
    "SpeakerAdversary",
]

OBJECTIVES = {
    "reconstruction": Reconstruction,
    "adversarial-autoencoder": AdversarialAutoencoder,
    "masked": MaskedPrediction,
    "classify": FrameClassification,
    "cpc": CPC,
    "acpc": AlignedCPC,
    "swap": SwappedPrediction,
    "distil": Distillation,
    "dinosr": CodeDistillation,
    "wav2vec2": Wav2Vec2,
    "restore": Restoration,
    "convert": Conversion,
    "gan": Gan,
    "infogan": InfoGan,
    "bigan": BiGan,
    "vocoder": Vocoding,
    **PRETEXTS,
}
