#!/usr/bin/env bash
# Old French manuscripts of eight hands: from lines nobody transcribed to character-like units, scores on other pages.
# Needs UNITDISC_DATA; about a quarter of an hour on two cores.
source "$(dirname "$0")/../shared.sh"

raw=${UNITDISC_DATA:-../shared/data}/hw_medieval_fro
data=data/medieval_french
exp=exp/medieval_french/piecewise-vq

if stage "prepare"; then
  python data_prep/medieval_french.py "$raw" $data
fi
if stage "train"; then
  unitdisc train small-handwriting $data/train.jsonl $exp --set bottleneck.units_per_100_columns=10 --set bottleneck.num_codes=256
fi
if stage "write some lines again, and complete some of which half is given"; then
  unitdisc resynthesise $exp $data/test.jsonl $exp/resyntheses --limit 3
  unitdisc resynthesise $exp $data/test.jsonl $exp/resyntheses --limit 3 --given 0.5
fi
if stage "score and report"; then
  unitdisc report $exp $data/test.jsonl
fi
