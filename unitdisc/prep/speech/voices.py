"""The voices of the built-in speech, and how each speaks."""

from dataclasses import dataclass

import numpy as np

from unitdisc.prep.speech.espeak import Manner, variant_settings

# Women and men by turns, so that a corpus of a minute or two has both.
TEST_VOICES = "f3 m2 f4 m4 Andrea Denis Annie sandro grandma travis victor antonio"
TRAIN_VOICES = """
    f1 m1 f2 m3 f5 m5 anika m6 aunty m7 belinda m8 linda Andy steph Diogo steph3 Henrique AnxiousAndy
    michel Alex Gene Jacky Mario Mike Nguyen boris ed gustave iven john max norbert paul pedro
    quincy robert shelby marcelo pablo Tweaky
"""


@dataclass(frozen=True)
class Voice:
    name: str
    gender: str | None
    echo: tuple[int, int]  # delay in milliseconds, amplitude of 256
    manner: Manner


def voice_with_manner(name: str, seed: int) -> Voice:
    rng = np.random.default_rng([seed, *name.encode()])
    manner = Manner(rate=int(rng.integers(145, 200)), pitch=int(rng.integers(35, 66)), range=int(rng.integers(30, 71)))
    settings = variant_settings(name)
    delay, amplitude = (int(value) for value in settings.get("echo", "0 0").split())
    return Voice(name, settings.get("gender", "")[:1].lower() or None, (delay, amplitude), manner)
