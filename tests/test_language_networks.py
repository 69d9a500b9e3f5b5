"""Networks of language: against torch's own, with a cache and without, stopped and resumed; and what they make up."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from reference.kneser_ney import KneserNey
from tiny import tree
from torch import nn

from unitdisc.api.lm_sample import lm_sample
from unitdisc.api.lm_score import lm_score
from unitdisc.api.lm_train import lm_train
from unitdisc.corpus import held_out_places
from unitdisc.language.continuing import NetworkContinues
from unitdisc.language.kneser_ney import estimate
from unitdisc.language.learning import Windows
from unitdisc.language.network_model import NetworkModel
from unitdisc.language.networks import Lstm, Transformer
from unitdisc.language.sampling import SampleOptions, draw, sample
from unitdisc.language.sequences import BEGIN, of_strings
from unitdisc.language.vocabulary import Vocabulary
from unitdisc.training import distributed
from unitdisc.training.trainer import Trainer

VOCABULARY = Vocabulary.of("abcdefg")
WINDOW = 6
TINY = [
    "layers=1",
    "dim=8",
    "heads=2",
    "context=8",
    "batch_size=4",
    "log_every=1",
    "checkpoint_every=2",
    "valid_every=2",
]


def transformer(window: int = WINDOW) -> NetworkModel:
    torch.manual_seed(0)
    network = Transformer(len(VOCABULARY), layers=2, dim=8, heads=2, context=window, dropout=0.1)
    return NetworkModel(VOCABULARY, louder(network))


def lstm() -> NetworkModel:
    torch.manual_seed(0)
    return NetworkModel(VOCABULARY, louder(Lstm(len(VOCABULARY), layers=2, dim=8, dropout=0.1)))


def louder(network: nn.Module) -> nn.Module:
    """Not trained, but with opinions."""
    with torch.no_grad():
        for weight in network.parameters():
            weight.mul_(8).add_(0.1 * torch.randn_like(weight))
    return network


NETWORKS = pytest.mark.parametrize("make", [transformer, lstm])


def strings(number: int, longest: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice([*"abcdefg"], size=rng.integers(1, longest))) for _ in range(number)]


def stream_of(made: list[str]):
    return VOCABULARY.stream(of_strings([str(i) for i in range(len(made))], made))


def test_a_transformer_is_that_of_torch():
    """nn.TransformerEncoder with the same weights, under a causal mask."""
    network = transformer().network
    layer = nn.TransformerEncoderLayer(8, 2, 32, activation="gelu", norm_first=True, batch_first=True)
    theirs = nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(8), enable_nested_tensor=False).eval()
    for block, other in zip(network.blocks, theirs.layers):
        for name, part in block.named_children():
            if name == "in_proj":
                other.self_attn.in_proj_weight.data, other.self_attn.in_proj_bias.data = part.weight, part.bias
            elif name != "dropout":
                (other.self_attn.out_proj if name == "out_proj" else getattr(other, name)).load_state_dict(
                    part.state_dict()
                )
    theirs.norm.load_state_dict(network.norm.state_dict())
    ids = torch.randint(3, 10, (3, WINDOW))
    hidden = network.embedding(ids) + network.places(torch.arange(WINDOW))
    wanted = theirs(hidden, mask=nn.Transformer.generate_square_subsequent_mask(WINDOW), is_causal=True)
    scores = wanted @ network.embedding.weight.T + network.bias
    torch.testing.assert_close(network(ids)[0], scores, atol=1e-5, rtol=1e-5)


@NETWORKS
def test_symbols_are_told_from_those_before_alone(make):
    """Every probability by a call of its own; a Transformer sees what begins at a multiple of half a window."""
    model, made = make(), strings(12, 30)
    stream = stream_of(made)
    found = model.log2_probs(stream)
    for start, length in zip(stream.starts, stream.lengths):
        ids = stream.ids[start : start + length]
        for place in range(1, length):
            first, half = 0, WINDOW // 2
            while model.network.window and place - first > WINDOW:
                first += half
            scores = model.network(torch.from_numpy(ids[None, first:place]))[0][0, -1]
            assert found[start + place] == pytest.approx(
                float(model.log_probs(scores)[ids[place]]) / np.log(2), abs=1e-4
            )
        assert found[start] == 0


@NETWORKS
def test_a_cache_changes_nothing_but_the_time(make):
    """Also beyond the window."""
    model = make()
    options = SampleOptions(sequences=40, longest=25, seed=3)
    kept, anew = (sample(model, SampleOptions(**vars(options) | {"cached": cached})) for cached in (True, False))
    assert [each.ids for each in kept] == [each.ids for each in anew]
    assert max(len(each.ids) for each in kept) > WINDOW + 3


@NETWORKS
def test_sequences_are_made_up_by_the_probabilities_that_are_scored(make):
    """Symbol by symbol, with a cache; beyond the window, too."""
    model = make()
    stream = stream_of(["abcdefgabcdefgabcdefg", "ggfedcbaggfedcbaggfed"])
    scored, step = model.log2_probs(stream).reshape(2, -1), NetworkContinues(model, cached=True)
    ids = stream.ids.reshape(2, -1)
    for place in range(1, ids.shape[1]):
        probs = step([row[:place] for row in ids.tolist()])
        np.testing.assert_allclose(np.log2(probs[[0, 1], ids[:, place]]), scored[:, place], atol=1e-4)


def test_what_is_drawn_is_as_often_as_it_is_probable():
    """First symbols of 1,500 sequences of a bigram model, beside its probabilities."""
    taught = [*map(list, strings(40, 6))]
    sequences = of_strings([str(i) for i in range(40)], taught)
    vocabulary = Vocabulary.of(sequences.symbols)
    model, _ = estimate(vocabulary.stream(sequences), vocabulary, 2)
    oracle = KneserNey(taught, 2)
    drawn = sample(model, SampleOptions(sequences=1500, longest=30))
    firsts = [vocabulary.symbols[each.ids[0]] if each.ids else "</s>" for each in drawn]
    known = 1 - oracle.probability("<unk>", ["<s>"])
    for symbol in (*"abcdefg", "</s>"):
        wanted = oracle.probability(symbol, ["<s>"]) / known
        assert firsts.count(symbol) / 1500 == pytest.approx(wanted, abs=4 * np.sqrt(wanted / 1500))


def test_temperature_and_top_p_by_hand():
    probs = np.array([0, 0, 0.1, 0.4, 0.3, 0.2])
    chances = (np.arange(1000) + 0.5) / 1000

    def shares(**options) -> list[float]:
        drawn = [draw(probs, chance, SampleOptions(**options)) for chance in chances]
        return [drawn.count(symbol) / 1000 for symbol in range(6)]

    assert shares() == pytest.approx(probs, abs=1e-3)
    assert shares(temperature=0) == [0, 0, 0, 1, 0, 0]
    assert shares(top_p=0.6) == pytest.approx([0, 0, 0, 4 / 7, 3 / 7, 0], abs=2e-3)
    assert shares(top_k=1) == [0, 0, 0, 1, 0, 0]
    assert shares(top_k=3, top_p=0.95) == pytest.approx([0, 0, 0, 4 / 9, 3 / 9, 2 / 9], abs=2e-3)
    squares = probs**2 / (probs**2).sum()
    assert shares(temperature=0.5) == pytest.approx(squares, abs=2e-3)


def test_prompts_are_gone_on_with(tmp_path):
    model = transformer()
    prompts = [[3, 4, 5], [6], [7, 7, 7, 7, 7, 7, 7, 7]]
    for each, prompt in zip(sample(model, SampleOptions(sequences=3, longest=20), prompts), prompts, strict=True):
        assert each.ids[: len(prompt)] == prompt and each.prompt == len(prompt)
    alone = sample(model, SampleOptions(sequences=1, longest=20), prompts)
    assert alone[0] == sample(model, SampleOptions(sequences=3, longest=20), prompts)[0]


# Training


def test_batches_have_every_symbol_once_an_epoch():
    stream = stream_of(strings(37, 30))
    windows = Windows(stream, context=8, batch_size=5, seed=1)
    told = []
    for step in range(windows.batches_per_epoch):
        batch = windows.batch(step)
        assert (batch.ids[~nn.functional.pad(batch.mask, (1, 0), value=True)] == BEGIN).all()
        told += [tuple(ids[: length + 1].tolist()) for ids, length in zip(batch.ids, batch.lengths)]
    pieces = [
        tuple(stream.ids[start : start + length].tolist()) for start, length in zip(windows.starts, windows.lengths)
    ]
    assert sum(windows.lengths - 1) == len(stream.ids) - 37
    assert len(told) == len(pieces) // 5 * 5 and {*told} <= {*pieces}
    halves = [windows.batch(7, (i, 5)) for i in range(5)]
    assert torch.cat([half.ids for half in halves]).equal(windows.batch(7).ids)
    assert torch.cat([half.lengths for half in halves]).equal(windows.batch(7).lengths)
    assert not windows.batch(0).ids.equal(windows.batch(windows.batches_per_epoch).ids)


@NETWORKS
def test_processes_and_parts_of_a_batch_draw_as_one_process_that_has_the_whole(make, monkeypatch):
    """Or where one is killed, the others go on by other numbers than those that they would have had."""
    batch = Windows(stream_of(strings(37, WINDOW)), context=WINDOW - 1, batch_size=4, seed=1).batch(7)
    network = make().network.train()
    torch.manual_seed(3)
    whole, after = network(batch.ids)[0], torch.get_rng_state()
    for process in range(2):
        monkeypatch.setattr(distributed, "world_size", lambda: 2)
        monkeypatch.setattr(distributed, "rank", lambda process=process: process)
        torch.manual_seed(3)
        torch.testing.assert_close(network(batch.ids.chunk(2)[process])[0], whole.chunk(2)[process])
        assert torch.get_rng_state().equal(after)
    assert not network(batch.ids.chunk(2)[1])[0].allclose(whole.chunk(2)[1])  # other numbers


@pytest.fixture(scope="module")
def text(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("".join(f"{' '.join(string)}\n" for string in strings(40, 12)))
    return path


def kept_files(folder: Path) -> dict[str, bytes]:
    """All but what says how long it took, and checkpoints, in which torch writes the name of a temporary file."""
    return {
        name: content
        for name, content in tree(folder).items()
        if not name.startswith(("log", "tensorboard", "checkpoints"))
    }


@pytest.mark.parametrize("model", ["lm-small", "lstm-small"])
def test_a_run_that_was_killed_ends_in_the_same_bytes(model, text, tmp_path, monkeypatch):
    options = [*TINY, "steps=7"]
    lm_train(model, text, tmp_path / "whole", options, device="cpu")
    step = Trainer.train_step

    def killed(self, *given):
        if self.step == 5:
            raise SystemExit("killed")
        return step(self, *given)

    monkeypatch.setattr(Trainer, "train_step", killed)
    with pytest.raises(SystemExit):
        lm_train(model, text, tmp_path / "twice", options, device="cpu")
    monkeypatch.undo()
    lm_train(model, text, tmp_path / "twice", options, device="cpu")
    whole, twice = kept_files(tmp_path / "whole"), kept_files(tmp_path / "twice")
    assert whole.keys() == twice.keys() and [name for name in whole if whole[name] != twice[name]] == []
    steps = [json.loads(line)["step"] for line in (tmp_path / "twice/log.jsonl").read_text().splitlines()]
    assert sorted({*steps}) == [*range(1, 8)]


def held_out_bits(model: Path) -> list[float]:
    rows = [json.loads(line) for line in (model / "log.jsonl").read_text().splitlines()]
    return [row["losses"]["symbols"] / np.log(2) for row in rows if row["split"] == "valid"]


@pytest.mark.parametrize("keep", ["best", "last"])
def test_the_best_weights_are_kept(keep, tmp_path):
    """Of letters without any order, a network learns by heart which came, and expects others ever less."""
    rng = np.random.default_rng(0)
    (tmp_path / "text.txt").write_text("".join(f"{' '.join(rng.choice([*'abcdef'], 20))}\n" for _ in range(12)))
    options = [*TINY, "steps=60", "dim=32", "learning_rate=0.02", "average_decay=0.1", "valid_share=0.2"]
    options += ["context=32", "checkpoint_every=10", "valid_every=10", f"keep={keep}"]
    lm_train("lstm-small", tmp_path / "text.txt", tmp_path / "lm", options, device="cpu")
    bits = held_out_bits(tmp_path / "lm")
    assert min(bits) < bits[-1] - 0.3
    held = held_out_places(12, 0.2, 0, most=11)[1]
    lines = (tmp_path / "text.txt").read_text().splitlines()
    (tmp_path / "held.txt").write_text("".join(f"{lines[place]}\n" for place in held))
    scored = lm_score(tmp_path / "lm", tmp_path / "held.txt", device="cpu").figures["as_they_are"]["bits_per_symbol"]
    assert scored == pytest.approx(min(bits) if keep == "best" else bits[-1], abs=1e-4)


def test_networks_learn(tmp_path):
    """A text of one sentence, which is soon told."""
    (tmp_path / "one.txt").write_text("a b c d e f g\n" * 20)
    for model in ("lm-small", "lstm-small"):
        lm_train(
            model,
            tmp_path / "one.txt",
            tmp_path / model,
            [*TINY, "steps=80", "dim=16", "learning_rate=0.02"],
            device="cpu",
        )
        made = lm_sample(tmp_path / model, tmp_path / "made.txt", SampleOptions(3, temperature=0), device="cpu")
        assert made == [[*"abcdefg"]] * 3
