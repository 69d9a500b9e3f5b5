#!/usr/bin/env bash
# A code for every 12 columns against units that stay the same for a while: the lecture's five columns for a single
# scribe and for all, several seeds, on the built-in handwriting and, if UNITDISC_DATA is there, on real sets.
# Some minutes on one core for every training; SETS, KINDS and SEEDS choose less.
source "$(dirname "$0")/../shared.sh"

raw=${UNITDISC_DATA:-../shared/data}
sets=${SETS:-mini_handwriting-single mini_handwriting-all mnist_writers-all omniglot-all medieval_french-single
  medieval_french-all}
kinds=${KINDS:-vq piecewise-vq}
seeds=${SEEDS:-0 1 2}
exp=exp/handwriting_units

prepare() { # prepare SET: data/SET
  case $1 in
    mini_handwriting-single) python data_prep/mini_handwriting.py data/"$1" --writers ada --train-lines 240 ;;
    mini_handwriting-all) python data_prep/mini_handwriting.py data/"$1" ;;
    mnist_writers-all) python data_prep/mnist_writers.py "$raw"/mnist10k_writers data/"$1" ;;
    omniglot-all) python data_prep/omniglot.py "$raw"/omniglot_small1 data/"$1" ;;
    medieval_french-single) python data_prep/medieval_french.py "$raw"/hw_medieval_fro data/"$1" --writers bnf_fr_412-wauchier ;;
    medieval_french-all) python data_prep/medieval_french.py "$raw"/hw_medieval_fro data/"$1" ;;
    *) echo "$0: no set $1" >&2; exit 2 ;;
  esac
}

each() { # each COMMAND: run it for every set that is there, every kind and seed
  local set kind seed
  for set in $sets; do
    for kind in $kinds; do
      for seed in $seeds; do
        if [ -f data/"$set"/train.jsonl ]; then "$1" "$set" "$kind" "$seed"; fi
      done
    done
  done
}

train() { # train SET KIND SEED: what differs from the built-in digits is how many kinds of character there are
  local more=()
  case $1 in
    omniglot* | medieval*) more+=(--set bottleneck.num_codes=256) ;;
  esac
  case $1-$2 in
    omniglot*-piecewise-vq | medieval*-piecewise-vq) more+=(--set bottleneck.units_per_100_columns=10) ;;
  esac
  unitdisc train recipes/mini_handwriting/conf/"$2".toml data/"$1"/train.jsonl $exp/"$1"/"$2"-"$3" \
    --set training.seed="$3" "${more[@]}"
}

encode() { # encode SET KIND SEED
  local split
  for split in train test; do
    unitdisc encode $exp/"$1"/"$2"-"$3" data/"$1"/$split.jsonl $exp/"$1"/"$2"-"$3"/encodings/$split
  done
}

table() { # table SET: the lecture's five columns
  local systems=() system
  for system in $exp/"$1"/*/encodings; do
    system=$(basename "$(dirname "$system")")
    systems+=("$system=$exp/$1/$system/encodings")
  done
  echo "== $1"
  python eval/handwriting.py data/"$1"/test.jsonl --train data/"$1"/train.jsonl --output $exp/"$1"/table.json "${systems[@]}"
}

if stage "prepare"; then
  for set in $sets; do
    case $set in mini_*) prepare "$set" ;; *) if [ -d "$raw" ]; then prepare "$set"; fi ;; esac
  done
fi
if stage "train"; then
  each train
fi
if stage "encode"; then
  each encode
fi
if stage "tables"; then
  for set in $sets; do
    if [ -d $exp/"$set" ]; then table "$set"; fi
  done
fi
