#!/usr/bin/env bash
# A code for every 12 columns against units that stay the same for a while: the lecture's five columns for a single
# scribe and for all, several seeds, on the built-in handwriting and, if UNITDISC_DATA is there, on real sets. Then, on
# the built-in handwriting, what it changes to tell the decoder who writes, and what latents are worth to each decoder.
# Two minutes on one core for every training, an hour and a half in all; SETS, KINDS and SEEDS choose less.
source "$(dirname "$0")/../shared.sh"

raw=${UNITDISC_DATA:-../shared/data}
sets=${SETS:-mini_handwriting-single mini_handwriting-all mnist_writers-all omniglot-all medieval_french-single
  medieval_french-all}
kinds=${KINDS:-vq piecewise-vq}
seeds=${SEEDS:-0 1 2}
exp=exp/handwriting_units

prepare() { # prepare SET: data/SET
  case $1 in
    mini_handwriting-single) python data_prep/mini_handwriting.py data/"$1" --layout apart --writers ada --train-lines 240 ;;
    mini_handwriting-all) python data_prep/mini_handwriting.py data/"$1" --layout apart ;;
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

shopt -s nullglob # KINDS may leave some out

table() { # table SET: the lecture's five columns
  echo "== $1"
  python eval/handwriting.py data/"$1"/test.jsonl --train data/"$1"/train.jsonl --output $exp/"$1"/table.json \
    $exp/"$1"/vq-* $exp/"$1"/piecewise-vq-*
}

if stage "prepare"; then
  for set in $sets; do
    case $set in mini_*) prepare "$set" ;; *) if [ -d "$raw" ]; then prepare "$set"; fi ;; esac
  done
fi
if stage "train"; then
  each train
fi
if stage "as many units at a fixed rate: a code for every 8 columns"; then
  for seed in $seeds; do
    unitdisc train recipes/mini_handwriting/conf/vq.toml data/mini_handwriting-all/train.jsonl \
      $exp/mini_handwriting-all/vq-8px-"$seed" --set training.seed="$seed" --set encoder.stride=8 --set training.crop=128
    encode mini_handwriting-all vq-8px "$seed"
  done
fi
if stage "encode"; then
  each encode
fi
if stage "tables"; then
  for set in $sets; do
    if [ -d $exp/"$set" ]; then table "$set"; fi
  done
fi

data=data/mini_handwriting-all
scribes=$exp/scribes

if stage "the decoder is not told who writes"; then
  for seed in $seeds; do
    unitdisc train recipes/mini_handwriting/conf/piecewise-vq.toml $data/train.jsonl $scribes/not-told-"$seed" \
      --set training.seed="$seed" --set conditioner.speaker=none
    for split in train test; do
      unitdisc encode $scribes/not-told-"$seed" $data/$split.jsonl $scribes/not-told-"$seed"/encodings/$split
    done
  done
fi
if stage "scribes and characters at the probe points"; then
  python eval/handwriting.py $data/test.jsonl --train $data/train.jsonl $exp/mini_handwriting-all/piecewise-vq-* \
    $scribes/not-told-* --output $scribes/table.json --points encoder projection bottleneck condition
fi

decoder() { # decoder NAME LATENTS [OPTION ...]: train without history dropout, and measure bits per pixel
  local name=$1 latents=$2
  shift 2
  unitdisc train recipes/mini_handwriting/conf/piecewise-vq.toml $data/train.jsonl $exp/decoders/"$name"-"$latents" "${@/#/--set=}"
  unitdisc likelihood $exp/decoders/"$name"-"$latents" $data/test.jsonl --output $exp/likelihoods/"$name"-"$latents".json
}

decoders() { # decoders LATENTS [OPTION ...]
  decoder deconv "$@" decoder.kind=deconv decoder.channels=64
  decoder columns "$@" decoder.history_dropout=0
  decoder pixelcnn "$@" decoder.kind=pixelcnn decoder.channels=16 decoder.layers=4 decoder.first_kernel=5
}

if stage "bits per pixel of three decoders, with latents and without"; then
  decoders units
  decoders none bottleneck.kind=none
  python eval/likelihoods.py $exp/likelihoods/*.json
fi
