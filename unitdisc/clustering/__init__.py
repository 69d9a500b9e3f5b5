"""Which frames are alike? k-means and Gaussian mixtures of any number of frames, out of core, and their files."""

from unitdisc.clustering.kmeans import KMeansResult, Progress, kmeans, memory_of_sample, quiet
from unitdisc.clustering.options import KMeansOptions

__all__ = ["KMeansOptions", "KMeansResult", "Progress", "kmeans", "memory_of_sample", "quiet"]
