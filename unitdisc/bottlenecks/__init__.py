"""Bottlenecks: what stands between the encoder and the decoder, and turns frames into units."""

from unitdisc.bottlenecks.autoencoders import Denoising, Sparse
from unitdisc.bottlenecks.base import (
    Bottleneck,
    BottleneckOutput,
    Calibrated,
    Coded,
    CutsUtterances,
    FollowsCodes,
    HasPosterior,
    MixesCategories,
    OfWholeItems,
)
from unitdisc.bottlenecks.continuous import Gaussian, Linear
from unitdisc.bottlenecks.discovered import Discovered
from unitdisc.bottlenecks.fsq import FSQ
from unitdisc.bottlenecks.gmm import GMM
from unitdisc.bottlenecks.grouped_vq import GroupedVQ
from unitdisc.bottlenecks.gumbel import Gumbel
from unitdisc.bottlenecks.kmeans import KMeans
from unitdisc.bottlenecks.none import Nothing
from unitdisc.bottlenecks.pca import PCA
from unitdisc.bottlenecks.piecewise_vq import PiecewiseVQ
from unitdisc.bottlenecks.residual_vq import ResidualVQ
from unitdisc.bottlenecks.soft import Soft
from unitdisc.bottlenecks.vq import VQ
from unitdisc.bottlenecks.whole_items import GlobalGaussian, GlobalLinear

__all__ = [
    "BOTTLENECKS",
    "VQ",
    "Bottleneck",
    "BottleneckOutput",
    "Calibrated",
    "Coded",
    "CutsUtterances",
    "FollowsCodes",
    "Gaussian",
    "HasPosterior",
    "Linear",
    "MixesCategories",
    "OfWholeItems",
]

BOTTLENECKS = {
    "linear": Linear,
    "gaussian": Gaussian,
    "global-linear": GlobalLinear,
    "global-gaussian": GlobalGaussian,
    "vq": VQ,
    "piecewise-vq": PiecewiseVQ,
    "residual-vq": ResidualVQ,
    "grouped-vq": GroupedVQ,
    "gumbel": Gumbel,
    "soft": Soft,
    "gmm": GMM,
    "fsq": FSQ,
    "pca": PCA,
    "kmeans": KMeans,
    "sparse": Sparse,
    "denoising": Denoising,
    "discovered": Discovered,
    "none": Nothing,
}
