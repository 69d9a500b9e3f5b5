#!/usr/bin/env bash
# How many units must a person name until others can be read? Labels answer in a person's place: questions chosen by what is
# expected of them, the most frequent unit first, at random, and utterances transcribed in turn; errors of what is read on
# utterances that nothing was asked about. Built-in handwriting and speech, and, if UNITDISC_DATA is there, one hand of
# Old French and recordings of learners of English. Half an hour of one core; SETS, ROUNDS and STEPS choose less.
source "$(dirname "$0")/../shared.sh"

raw=${UNITDISC_DATA:-../shared/data}
sets=${SETS:-joined french-single mini_speech so762_dev}
rounds=${ROUNDS:-2}
steps=${STEPS:-300}
exp=exp/naming

prepare() { # prepare SET: data/naming/SET
  case $1 in
    joined) python data_prep/mini_handwriting.py data/naming/"$1" --layout joined ;;
    french-single) python data_prep/medieval_french.py "$raw"/hw_medieval_fro data/naming/"$1" --writers bnf_fr_412-wauchier ;;
    mini_speech) python data_prep/mini_speech.py data/naming/"$1" ;;
    so762_dev) python data_prep/speechocean762.py "$raw"/so762_dev data/naming/"$1" ;;
    *) echo "$0: no set $1" >&2; exit 2 ;;
  esac
}

found() { # found SET: $exp/SET/train and test, with units
  local preset=discover-handwriting
  case $1 in mini_speech | so762_dev) preset=discover-speech ;; esac
  unitdisc discover $preset data/naming/"$1"/train.jsonl $exp/"$1"/train --rounds "$rounds" --set training.steps="$steps"
  unitdisc discover $exp/"$1"/train data/naming/"$1"/test.jsonl $exp/"$1"/test
}

asked() { # asked SET: $exp/SET/errors.json
  local tier=character
  case $1 in mini_speech | so762_dev) tier=phone ;; esac
  rm -f $exp/"$1"/names.tsv
  unitdisc name $exp/"$1"/train/units data/naming/"$1"/train.jsonl $exp/"$1"/names.tsv --simulate $tier \
    --frames $exp/"$1"/train/round-"$rounds"/encodings/bottleneck --questions 50 --seeds 3 \
    --test-encodings $exp/"$1"/test/units --test-corpus data/naming/"$1"/test.jsonl \
    --test-frames $exp/"$1"/test/encodings/bottleneck --output $exp/"$1"/errors.json
  unitdisc read $exp/"$1"/test/units data/naming/"$1"/test.jsonl $exp/"$1"/names.tsv $exp/"$1"/read \
    --frames $exp/"$1"/test/encodings/bottleneck
}

if stage "prepare"; then
  for set in $sets; do
    case $set in
      joined | mini_speech) prepare "$set" ;;
      *) if [ -d "$raw" ]; then prepare "$set"; else echo "no $raw: $set is left out; set UNITDISC_DATA"; fi ;;
    esac
  done
fi
for set in $sets; do
  if [ -f data/naming/"$set"/train.jsonl ]; then
    if stage "$set: units"; then found "$set"; fi
    if stage "$set: names, and what is read by them"; then asked "$set"; fi
  fi
done
