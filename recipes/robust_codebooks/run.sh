#!/usr/bin/env bash
# Which measures keep the codes in use? The built-in corpus, three seeds, each measure alone and all together. Then, what
# it is worth to train on changes that are meant to turn units. Forty-five minutes on two cores.
source "$(dirname "$0")/../shared.sh"

data=data/mini_speech
exp=exp/robust_codebooks
seeds=${SEEDS:-0 1 2}

experiment() { # experiment NAME [TABLE.KEY=VALUE ...]: train NAME for every seed
  local name=$1 seed
  shift
  for seed in $seeds; do
    unitdisc train recipes/robust_codebooks/conf/vq.toml $data/train.jsonl $exp/$name-seed"$seed" \
      --set training.seed="$seed" "${@/#/--set=}"
  done
}

average=bottleneck.codebook=moving-average
start=bottleneck.warmup_steps=100
restart=bottleneck.restart=true
norm=bottleneck.batch_norm=true
again=bottleneck.reestimations=3
rate=bottleneck.codebook_rate=10

if stage "make the corpus"; then
  python data_prep/mini_speech.py $data
fi
if stage "codes that learn by gradient"; then
  experiment gradient-0-plain
  experiment gradient-1-rate $rate
  experiment gradient-2-batch-norm $norm
  experiment gradient-3-start $start
  experiment gradient-4-start-again $start $again
  experiment gradient-5-restart $restart
  experiment gradient-6-all $rate $norm $start $again $restart
fi
if stage "codes that follow by moving averages"; then
  experiment average-0-plain $average
  experiment average-2-batch-norm $average $norm
  experiment average-3-start $average $start
  experiment average-4-start-again $average $start $again
  experiment average-5-restart $average $restart
  experiment average-6-all $average $norm $start $again $restart
fi
if stage "tables"; then
  python eval/codebook_use.py $exp/*
fi
if stage "changes that are meant to turn units: trained on such, on noise as large, and on neither"; then
  all=($rate $norm $start $again $restart)
  experiment changes-0-none "${all[@]}"
  experiment changes-1-noise "${all[@]}" augmentation.noise=0.1
  experiment changes-2-adversarial "${all[@]}" training.adversarial=0.1
  for seed in $seeds; do
    for changes in 0-none 1-noise 2-adversarial; do
      echo "== $changes, seed $seed"
      unitdisc robustness $exp/changes-$changes-seed"$seed" $data/test.jsonl --limit 12
    done
  done
fi
