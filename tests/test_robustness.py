"""How small a change of the signal turns units: attacks stay within their bounds, and are worse than chance."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from unitdisc.api.robustness import halves, turned_codes
from unitdisc.corpus import CorpusError
from unitdisc.corpus.manifest import write_manifest
from unitdisc.corpus.read import read_corpus
from unitdisc.evaluation.probes.models import linear_reader
from unitdisc.inference.attacks import Attack, AttackOptions

pytest_plugins = ["tiny_fixtures"]


class Signs(nn.Module):
    """A model of one frame after the other, whose code is the sign of one direction."""

    def __init__(self):
        super().__init__()
        self.direction = torch.tensor([1.0, 0.0, 0.0])

    def encode(self, features, lengths):
        projected = features @ self.direction[:, None]
        return SimpleNamespace(projected=projected, codes=(projected[..., 0] > 0).long()), lengths


def attack_on(frames: int = 200, **options) -> Attack:
    torch.manual_seed(0)
    return Attack(Signs(), torch.randn(frames, 3) * torch.tensor([1.0, 5.0, 0.1]), AttackOptions(**options), seed=1)


def test_changes_are_as_large_as_they_may_be_and_no_larger():
    attack = attack_on()
    spread = attack.features.std(0, correction=0)
    for changed in (attack.by_lot(0.1), attack.drawn_away(0.1)):
        apart = (changed - attack.features).abs() / spread
        assert apart.max() <= 0.1 + 1e-5
    assert ((attack.by_lot(0.1) - attack.features).abs() / spread).min() == pytest.approx(0.1, rel=1e-3)
    along = (attack.drawn_away(0.1) - attack.features)[:, 0].abs() / spread[0]
    assert along.min() == pytest.approx(0.1, rel=1e-3)  # every frame is pushed to the edge


def test_ascent_finds_the_worst_change_of_a_linear_reader():
    attack = attack_on()
    signs = torch.sign(attack.features[:, 0])
    changed = attack.ascent(0.2, lambda projected: (-signs * projected[:, 0]).sum())
    turned = (torch.sign(changed[:, 0]) != signs).float().mean()
    near = (attack.features[:, 0].abs() < 0.2 * attack.features[:, 0].std(correction=0)).float().mean()
    assert turned == pytest.approx(near.item(), abs=0.006)


def test_larger_changes_turn_more():
    (counts, frames) = turned_codes(attack_on(sizes=(0.01, 0.1, 1.0)))
    assert frames == 200 and counts.shape == (3, 2)
    assert (counts[1:] >= counts[:-1]).all() and 0 < counts[2, 0] <= 200


def test_seeds_decide_what_is_drawn():
    first, again = attack_on(), attack_on()
    assert torch.equal(first.by_lot(0.1), again.by_lot(0.1))
    assert torch.equal(first.drawn_away(0.1), again.drawn_away(0.1))
    first.seed = 2
    assert not torch.equal(first.by_lot(0.1), again.by_lot(0.1))


def test_a_dimension_that_never_changes_may_change_by_the_size():
    attack = Attack(Signs(), torch.zeros(5, 3), AttackOptions(), seed=0)
    assert attack.by_lot(0.5).abs().unique().tolist() == [0.5]


def test_a_reader_of_plain_frames_reads_what_is_there():
    torch.manual_seed(0)
    labels = torch.randint(0, 3, (300,))
    frames = 100 + 7 * torch.eye(3)[labels] + 0.5 * torch.randn(300, 3)
    reader = linear_reader(frames, labels, 3)
    assert (reader(frames).argmax(-1) == labels).float().mean() > 0.99


def test_half_of_the_speakers_are_learned_from(tiny_corpus):
    utterances = read_corpus(tiny_corpus)
    learned, attacked = halves(utterances)
    assert not {u.speaker for u in learned} & {u.speaker for u in attacked}
    assert len(learned) + len(attacked) == len(utterances)
    with pytest.raises(CorpusError, match="one utterance"):
        halves(utterances[:1])


@pytest.mark.parametrize("kind", ["recordings", "lines"])
def test_the_command_prints_and_writes_the_table(request, kind, tmp_path, unitdisc):
    names = {"recordings": ("tiny_experiment", "tiny_corpus"), "lines": ("tiny_line_experiment", "tiny_lines")}
    experiment, corpus = map(request.getfixturevalue, names[kind])
    options = ["--sizes", "0.1,1", "--steps", 2, "--limit", 2, "--output", tmp_path / "out.json", "--device", "cpu"]
    done = unitdisc("robustness", experiment, corpus, *options)
    assert done.code == 0, done.err
    found = json.loads((tmp_path / "out.json").read_text())
    assert [row["size"] for row in found["units"]] == [0.1, 1]
    assert all(0 <= row[name] <= 1 for row in found["units"] for name in ("by_lot", "adversarial"))
    assert found["settings"]["utterances"] == 2
    assert [row["size"] for row in found["labels"]] == [0.1, 1] and 0 <= found["accuracy"] <= 1
    assert "% of units that turn" in done.out and "% of labels read right" in done.out


def test_what_cannot_be_is_refused(tiny_experiment, tiny_corpus, unitdisc):
    for option, value, why in (
        ("--sizes", "a", "give numbers with commas"),
        ("--sizes", "0", "numbers above 0"),
        ("--steps", "0", "1 or more"),
        ("--limit", "0", "1 or more"),
        ("--tier", "words", "has no tier 'words'; choose one of ['phone']"),
    ):
        done = unitdisc("robustness", tiny_experiment, tiny_corpus, option, value, "--device", "cpu")
        assert done.code == 1 and why in done.err, (option, value)


def test_labels_in_one_half_are_said_to_be_read_by_nobody(tiny_experiment, tiny_corpus, tmp_path, unitdisc):
    utterances = read_corpus(tiny_corpus)
    learned, _ = halves(utterances)
    some = [u if u in learned else replace(u, alignment={}) for u in utterances]
    write_manifest(tmp_path / "some.jsonl", some)
    options = ["--sizes", "0.1", "--steps", 1, "--limit", 1, "--device", "cpu"]
    done = unitdisc("robustness", tiny_experiment, tmp_path / "some.jsonl", *options)
    assert done.code == 0 and "no labels of the tier 'phone' are read" in done.err and "read right" not in done.out
