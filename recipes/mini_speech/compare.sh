#!/usr/bin/env bash
# What is captured, what is the role of the bottleneck, what do the design choices change? Three seeds of the model,
# and the model with one thing changed at a time. About two hours on two cores.
source "$(dirname "$0")/../shared.sh"

data=data/mini_speech
exp=exp/mini_speech_compared
config=recipes/mini_speech/conf/vq.toml
seeds=${SEEDS:-0 1 2}

experiment() { # experiment NAME [TABLE.KEY=VALUE ...]: train and score NAME for every seed
  local name=$1 seed
  shift
  for seed in $seeds; do
    unitdisc train $config $data/train.jsonl $exp/$name-seed$seed --set training.seed=$seed "${@/#/--set=}"
    unitdisc report $exp/$name-seed$seed $data/test.jsonl
  done
}

if stage "make the corpus"; then
  python data_prep/mini_speech.py $data
fi
if stage "the model"; then
  experiment vq
fi
if stage "without jitter"; then
  experiment vq-no-jitter jitter.probability=0
fi
if stage "without speaker conditioning"; then
  experiment vq-no-speaker conditioner.speaker=none
fi
if stage "without a bottleneck"; then
  experiment linear bottleneck.kind=linear
fi
if stage "a VAE at the bits of the VQ"; then # 128 codes are 7 bits
  experiment gaussian bottleneck.kind=gaussian bottleneck.free_bits=7
fi
if stage "a deterministic bottleneck of few dimensions"; then
  experiment linear-2 bottleneck.kind=linear bottleneck.dim=2
fi
if stage "tables, and one page that compares them"; then
  python eval/compare.py $exp/*
  set -- $exp/vq-seed0 $data/test.jsonl
  for other in $exp/*-seed0; do
    [ "$other" = $exp/vq-seed0 ] || set -- "$@" --compare "$other"
  done
  unitdisc report "$@"
fi
