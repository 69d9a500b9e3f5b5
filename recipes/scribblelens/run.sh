#!/usr/bin/env bash
# ScribbleLens in its published settings: one scribe and all of them, a code for every 12 columns (the baseline) against
# piecewise-constant units. For a GPU. SCRIBBLELENS is the folder with the zip files of https://www.openslr.org/84.
# KINDS, SLICES and SEEDS choose less; OPTIONS are further options of training, such as "--set training.steps=100".
source "$(dirname "$0")/../shared.sh"

raw=${SCRIBBLELENS:-}
slices=${SLICES:-tasman all}
kinds=${KINDS:-vq piecewise-vq}
seeds=${SEEDS:-0 1 2}
exp=exp/scribblelens
declare -A preset=([vq]=paper-handwriting-12px [piecewise-vq]=paper-handwriting)

prepare() { # prepare SLICE: data/scribblelens_SLICE
  if [ "$1" = all ]; then set -- all; else set -- "$1" --slice "$1"; fi
  python data_prep/scribblelens.py "$raw" data/scribblelens_"$1" "${@:2}"
}

each() { # each COMMAND: for every slice, kind and seed
  local slice kind seed
  for slice in $slices; do
    for kind in $kinds; do
      for seed in $seeds; do "$1" "$slice" "$kind" "$seed"; done
    done
  done
}

train() { # train SLICE KIND SEED
  local more
  read -ra more <<< "${OPTIONS:-}"
  unitdisc train "${preset[$2]}" data/scribblelens_"$1"/train.jsonl $exp/"$1"/"$2"-"$3" --set training.seed="$3" "${more[@]}"
}

encode() { # encode SLICE KIND SEED
  local split
  for split in train test; do
    unitdisc encode $exp/"$1"/"$2"-"$3" data/scribblelens_"$1"/$split.jsonl $exp/"$1"/"$2"-"$3"/encodings/$split
  done
}

shopt -s nullglob # KINDS may leave some out

table() { # table SLICE: the lecture's five columns
  python eval/handwriting.py data/scribblelens_"$1"/test.jsonl --train data/scribblelens_"$1"/train.jsonl \
    --output $exp/"$1"/table.json $exp/"$1"/vq-* \
    $exp/"$1"/piecewise-vq-*
}

if stage "prepare"; then
  if [ ! -d "$raw" ]; then
    echo "set SCRIBBLELENS to the folder of scribblelens.corpus.v1.2.zip; data_prep/mini_scribblelens.py makes a small one" >&2
    exit 2
  fi
  for slice in $slices; do prepare "$slice"; done
fi
if stage "train"; then
  each train
fi
if stage "encode"; then
  each encode
fi
if stage "the published table"; then
  for slice in $slices; do table "$slice"; done
fi
if stage "report"; then
  for slice in $slices; do
    unitdisc report $exp/"$slice"/"${kinds##* }"-"${seeds%% *}" data/scribblelens_"$slice"/test.jsonl
  done
fi
