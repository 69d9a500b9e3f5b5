#!/usr/bin/env bash
# Real recordings and a WaveNet over their samples: spoken digits, two of the six speakers held out.
# Needs the corpus in the folder UNITDISC_DATA (see data_prep/free_spoken_digits.py).
source "$(dirname "$0")/../shared.sh"

raw=${UNITDISC_DATA:-../shared/data}/fsdd
data=data/free_spoken_digits
exp=exp/free_spoken_digits/wavenet

if stage "prepare the corpus"; then
  python data_prep/free_spoken_digits.py "$raw" $data --test-speakers 2
fi
if stage "train"; then
  unitdisc train recipes/free_spoken_digits/conf/wavenet.toml $data/train.jsonl $exp
fi
if stage "encode the test speakers"; then
  unitdisc encode $exp $data/test.jsonl $exp/encodings/test
fi
if stage "say some units again in a voice of the training speakers"; then
  unitdisc resynthesise $exp $data/test.jsonl $exp/resyntheses --limit 3
fi
if stage "score and report"; then
  unitdisc report $exp $data/test.jsonl --tier word --context any
fi
