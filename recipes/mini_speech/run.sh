#!/usr/bin/env bash
# The built-in corpus: from untranscribed speech of 41 voices to units of the length of phones, scores on 12 other
# voices, and a report.
source "$(dirname "$0")/../shared.sh"

data=data/mini_speech
exp=exp/mini_speech/piecewise-vq

if stage "make the corpus"; then
  python data_prep/mini_speech.py $data
fi
if stage "train"; then
  unitdisc train recipes/mini_speech/conf/piecewise-vq.toml $data/train.jsonl $exp
fi
if stage "encode the test voices"; then
  unitdisc encode $exp $data/test.jsonl $exp/encodings/test
fi
if stage "say some units again, in two of the training voices"; then
  unitdisc resynthesise $exp $data/test.jsonl $exp/resyntheses --limit 3 --speaker f1 --speaker m1 --temperature 0
fi
if stage "score and report"; then
  unitdisc report $exp $data/test.jsonl
fi
