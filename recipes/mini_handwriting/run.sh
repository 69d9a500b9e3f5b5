#!/usr/bin/env bash
# The built-in handwriting: from untranscribed lines of digits by 12 writers to character-like units on lines of other
# digits, twice: units as wide as characters, which teach their own network, and their page; then an autoencoder, its
# scores, and a report. LAYOUT=apart is of digits that do not touch, as the figures of before were.
source "$(dirname "$0")/../shared.sh"

layout=${LAYOUT:-joined}
case $layout in joined) name=mini_handwriting ;; *) name=mini_handwriting-$layout ;; esac
data=data/$name
exp=exp/$name/piecewise-vq
found=exp/$name/discover

if stage "make the corpus"; then
  python data_prep/mini_handwriting.py $data --layout $layout
fi
if stage "find units as wide as characters, in two short rounds"; then
  unitdisc discover discover-handwriting $data/train.jsonl $found/train --rounds 2 --set training.steps=300
  unitdisc discover $found/train $data/test.jsonl $found/test
  unitdisc score $found/test/units $data/test.jsonl \
    --learn-encodings $found/train/units --learn-corpus $data/train.jsonl --output $found/scores.json
  unitdisc show $found/test/units $data/test.jsonl $found/units.html
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
if stage "what cutting at blank columns gives"; then
  python eval/blank_cuts.py $data/test.jsonl $exp/encodings/test/columns
fi
