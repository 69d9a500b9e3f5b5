#!/usr/bin/env bash
# Real recordings: read English by Mandarin speakers, 36 of them to learn from and 12 others to score on.
# Needs the corpus in the folder UNITDISC_DATA (see data_prep/speechocean762.py).
source "$(dirname "$0")/../shared.sh"

raw=${UNITDISC_DATA:-../shared/data}/so762_dev
data=data/speechocean762
exp=exp/speechocean762/vq

if stage "prepare the corpus"; then
  python data_prep/speechocean762.py "$raw" $data
fi
if stage "train"; then
  unitdisc train recipes/speechocean762/conf/vq.toml $data/train.jsonl $exp
fi
if stage "encode the test speakers"; then
  unitdisc encode $exp $data/test.jsonl $exp/encodings/test
fi
if stage "say some units again in another voice"; then
  unitdisc resynthesise $exp $data/test.jsonl $exp/resyntheses --limit 3 --temperature 0
fi
if stage "score and report"; then
  unitdisc report $exp $data/test.jsonl
fi
