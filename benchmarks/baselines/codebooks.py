"""Passes of k-means by another library, from codes that are given or of its own; run by benchmarks/kmeans.py.

python -m venv faiss && faiss/bin/pip install faiss-cpu==1.15.1
faiss/bin/python benchmarks/baselines/codebooks.py faiss|sklearn FOLDER CODES PASSES

FOLDER has frames.npy [N, D] and codes.npy [K, D], from which passes begin if CODES is "given"; else CODES is their
number, and the library begins as it does by itself. Prints JSON: the squared distance of the mean frame before
every move (faiss) or at the end (scikit-learn), seconds of processor after the imports, how often all frames were
assigned, and the most memory in use.
"""

import json
import resource
import sys
from pathlib import Path

import numpy as np


def main(tool: str, folder: str, codes: str, passes: str) -> None:
    frames = np.load(Path(folder, "frames.npy"), mmap_mode="r")
    start = np.load(Path(folder, "codes.npy")) if codes == "given" else None
    run = {"faiss": by_faiss, "sklearn": by_sklearn}[tool](
        frames, start, len(start) if start is not None else int(codes)
    )
    used = resource.getrusage(resource.RUSAGE_SELF)
    inertias, assigned, found = run(int(passes))
    after = resource.getrusage(resource.RUSAGE_SELF)
    np.save(Path(folder, "found.npy"), found)
    figures = {
        "cpu_seconds": after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime,
        "assigned": assigned,
        "inertias": [inertia / len(frames) for inertia in inertias],
        "rss_mb": after.ru_maxrss // 1024,
    }
    print(json.dumps(figures))


def by_faiss(frames, start, codes):
    import faiss

    faiss.omp_set_num_threads(1)

    def run(passes):
        options = faiss.ClusteringParameters()
        options.niter, options.max_points_per_centroid, options.min_points_per_centroid = passes, 2**30, 1
        clustering, index = faiss.Clustering(frames.shape[1], codes, options), faiss.IndexFlatL2(frames.shape[1])
        if start is not None:
            faiss.copy_array_to_vector(start.ravel(), clustering.centroids)
        clustering.train(frames, index)
        steps = clustering.iteration_stats
        found = faiss.vector_to_array(clustering.centroids).reshape(codes, -1)
        return [steps.at(i).obj for i in range(steps.size())], passes, found

    return run


def by_sklearn(frames, start, codes):
    from sklearn.cluster import KMeans

    def run(passes):
        how = {"init": "k-means++"} if start is None else {"init": start}
        found = KMeans(codes, n_init=1, max_iter=passes, tol=0, random_state=0, **how).fit(frames)
        return [found.inertia_], found.n_iter_ + 1, found.cluster_centers_

    return run


if __name__ == "__main__":
    main(*sys.argv[1:])
