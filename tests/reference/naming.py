"""Readings by trying everything: every way to cut a few runs into names, each with its probability."""

from collections.abc import Iterator
from math import exp, lgamma, log, pi, sqrt

import numpy as np

Stretch = tuple[int, int, int, int]  # first run, runs taken, names tied, name


def log_normal(value: float, mean: float, deviation: float) -> float:
    return -((value - mean) ** 2) / (2 * deviation**2) - log(deviation * sqrt(2 * pi))


def ways(runs: int, names: int, most: int, tied: int, first: int = 0) -> Iterator[list[Stretch]]:
    """Every way to cut the runs from the first on into stretches."""
    if first == runs:
        yield []
        return
    for name in range(names):
        for taken in range(1, min(most, runs - first) + 1):
            for count in range(1, tied + 1 if taken == 1 else 2):
                for rest in ways(runs, names, most, tied, first + taken):
                    yield [(first, taken, count, name), *rest]


def log_probability(way: list[Stretch], likeness, x, follows, mu, sigma, shape, tie) -> float:
    """Of a way, as the model is written down in lattice.py."""
    names = len(mu)
    total, before = 0.0, None
    for first, taken, count, name in way:
        if before is None:
            total += follows[names, name]
        else:
            total += follows[before, name] + (tie[name, 1] if before == name else 0.0)
        total += sum(likeness[run, name] for run in range(first, first + taken))
        ticks = [exp(x[run]) for run in range(first, first + taken)]
        if count == 1:
            total += log_normal(log(sum(ticks)), mu[name], sigma[name]) + shape[name, taken - 1]
            # shares of a whole are uniform: (c - 1)! / D^(c-1), and d D / D and d d / d turn densities to logarithms
            total += lgamma(taken) + sum(log(each / sum(ticks)) for each in ticks)
        else:
            total += log_normal(x[first], mu[name] + log(count), sigma[name] / sqrt(count))
            total += (count - 1) * (follows[name, name] + tie[name, 0])
        before = name
    return total + follows[before, names]


def random_model(rng: np.random.Generator, runs: int, names: int, most: int) -> dict[str, np.ndarray]:
    def shares(*shape: int) -> np.ndarray:
        return np.log(rng.dirichlet(np.ones(shape[-1]), shape[:-1]))

    follows = shares(names + 1, names + 1)
    follows[names, names] = -1e30
    return {
        "likeness": np.log(rng.random((runs, names))),
        "x": rng.normal(2, 0.5, runs),
        "follows": follows,
        "mu": rng.normal(2, 0.5, names),
        "sigma": rng.uniform(0.2, 0.6, names),
        "shape": shares(names, most),
        "tie": shares(names, 2),
    }
