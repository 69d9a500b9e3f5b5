"""Units of a model after the fact: with its own codebook, `segment` makes of its projections what the model does."""

import numpy as np
import pytest
from tiny import settings

from unitdisc.api.encode import encode
from unitdisc.api.train import train
from unitdisc.encodings import Encodings

pytest_plugins = ["tiny_fixtures"]

KINDS = {
    "vq": {},
    "batch norm": {"bottleneck__batch_norm": "true"},
    "by gradient": {"bottleneck__codebook": "gradient"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_nearest_codes_of_projections_are_those_of_the_model(unitdisc, tiny_corpus, tmp_path, kind):
    train("small", tiny_corpus, tmp_path / "exp", settings(**KINDS[kind])[1::2], device="cpu")
    encode(tmp_path / "exp", tiny_corpus, tmp_path / "enc", ("projection", "bottleneck"), device="cpu")
    command = ("segment", tmp_path / "enc/projection", tiny_corpus, tmp_path / "out", "--experiment", tmp_path / "exp")
    said = unitdisc(*command, "--solver", "nearest", "--strict")
    assert said.code == 0, said.err
    ours, models = Encodings.open(tmp_path / "out"), Encodings.open(tmp_path / "enc/bottleneck")
    assert ours.codes == models.codes
    for name in ours.codes:
        np.testing.assert_allclose(ours[name].frames, models[name].frames, atol=1e-6)
