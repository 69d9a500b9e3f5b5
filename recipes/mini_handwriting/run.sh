#!/usr/bin/env bash
# The built-in handwriting: from untranscribed lines of digits by 12 writers to character-like units, scores on lines of
# other digits, and a report.
source "$(dirname "$0")/../shared.sh"

data=data/mini_handwriting
exp=exp/mini_handwriting/piecewise-vq

if stage "make the corpus"; then
  python data_prep/mini_handwriting.py $data
fi
if stage "train"; then
  unitdisc train recipes/mini_handwriting/conf/piecewise-vq.toml $data/train.jsonl $exp
fi
if stage "encode the test lines"; then
  unitdisc encode $exp $data/test.jsonl $exp/encodings/test
fi
if stage "write some lines again, in the hands of two writers, and complete some of which half is given"; then
  unitdisc resynthesise $exp $data/test.jsonl $exp/resyntheses --limit 3 --speaker ada --speaker gus
  unitdisc resynthesise $exp $data/test.jsonl $exp/resyntheses --limit 3 --given 0.5
fi
if stage "score and report"; then
  unitdisc report $exp $data/test.jsonl
fi
