#!/usr/bin/env bash
# Fixed-rate codes against units: what the constraint on changes does, in training and after the fact, at 8, 12 and 16
# units per second. On the built-in corpus and, if UNITDISC_DATA is there, on real recordings. Two hours on two cores;
# CORPORA and RATES choose less.
source "$(dirname "$0")/../shared.sh"

raw=${UNITDISC_DATA:-../shared/data}/so762_dev
corpora=${CORPORA:-mini_speech speechocean762}
rates=${RATES:-8 12 16}
exp=exp/piecewise_units

train() { # train CORPUS: VQ at 50 Hz, and piecewise-constant VQ at every rate
  local exp=$exp/$1 rate
  unitdisc train recipes/"$1"/conf/vq.toml data/"$1"/train.jsonl $exp/vq
  unitdisc encode $exp/vq data/"$1"/test.jsonl $exp/vq/encodings
  unitdisc features data/"$1"/test.jsonl $exp/mfcc --normalise speaker
  for rate in $rates; do
    unitdisc train recipes/"$1"/conf/piecewise-vq.toml data/"$1"/train.jsonl $exp/piecewise-vq-"$rate" \
      --set bottleneck.units_per_second="$rate"
    unitdisc encode $exp/piecewise-vq-"$rate" data/"$1"/test.jsonl $exp/piecewise-vq-"$rate"/encodings
  done
}

segment() { # segment CORPUS: units after the fact
  local exp=$exp/$1 rate
  python eval/collapse.py $exp/vq/encodings/bottleneck $exp/collapsed
  for rate in $rates; do
    unitdisc segment $exp/vq/encodings/projection data/"$1"/test.jsonl $exp/vq-segmented-"$rate" --experiment $exp/vq \
      --units-per-second "$rate"
    unitdisc segment $exp/mfcc data/"$1"/test.jsonl $exp/kmeans-"$rate" --codes 128 --units-per-second "$rate" \
      --durations gamma
  done
}

score() { # score CORPUS: every way to find units
  local exp=$exp/$1 rate
  one "$1" a-vq $exp/vq/encodings/bottleneck
  abx "$1" b-vq-collapsed $exp/collapsed # the units of a-vq, without how long they are
  for rate in $rates; do
    rate=$(printf %02d "$rate")
    one "$1" c-piecewise-vq-"$rate" $exp/piecewise-vq-"${rate#0}"/encodings/bottleneck
    one "$1" d-vq-segmented-"$rate" $exp/vq-segmented-"${rate#0}"
    one "$1" e-kmeans-gamma-"$rate" $exp/kmeans-"${rate#0}"
  done
  python eval/compare_units.py $exp/scores
}

one() { # one CORPUS NAME ENCODINGS: the units of one of them
  mkdir -p $exp/scores
  unitdisc score "$3" data/"$1"/test.jsonl --output $exp/scores/"$2".score.json
  abx "$@"
}

abx() { # abx CORPUS NAME ENCODINGS: what their codes tell apart
  unitdisc abx "$3" data/"$1"/test.jsonl --output $exp/scores/"$2".abx.json
}

if stage "prepare the corpora"; then
  prepare_corpora "$raw"
fi
if stage "train"; then
  each_corpus train
fi
if stage "find units after the fact"; then
  each_corpus segment
fi
if stage "score"; then
  each_corpus score
fi
