#!/usr/bin/env bash
# MNIST with its writers: lines composed of digits by 297 people.
# Needs UNITDISC_DATA; about a quarter of an hour on two cores.
source "$(dirname "$0")/../shared.sh"

raw=${UNITDISC_DATA:-../shared/data}/mnist10k_writers
data=data/mnist_writers
exp=exp/mnist_writers/piecewise-vq

if stage "prepare"; then
  python data_prep/mnist_writers.py "$raw" $data
fi
if stage "train"; then
  unitdisc train small-handwriting $data/train.jsonl $exp --set bottleneck.units_per_100_columns=12 --set bottleneck.num_codes=128
fi
if stage "write some lines again, and complete some of which half is given"; then
  unitdisc resynthesise $exp $data/test.jsonl $exp/resyntheses --limit 3
  unitdisc resynthesise $exp $data/test.jsonl $exp/resyntheses --limit 3 --given 0.5
fi
if stage "score and report"; then
  unitdisc report $exp $data/test.jsonl
fi
