#!/usr/bin/env bash
# Units as wide as characters: pieces between blank columns, templates, and networks that are taught them, for three
# rounds, on the built-in handwriting (characters joined, and apart) and, if UNITDISC_DATA is there, on Old French (one hand, eight, and six of
# which units are found in two others), letters of Omniglot and digits of MNIST (both joined); scored on lines that
# nothing was learned from. Nothing is chosen for a set. Some hour of one core; SETS, SEEDS and SYSTEMS choose less, and
# EDGES=frames leaves edges of units where frames are cut (in exp/discovery-frames).
source "$(dirname "$0")/../shared.sh"

raw=${UNITDISC_DATA:-../shared/data}
sets=${SETS:-joined apart french-single french-all french-held omniglot mnist}
systems=${SYSTEMS:-blank templates discover}
seeds=${SEEDS:-0}
edges=${EDGES:-ink}
exp=exp/discovery
if [ "$edges" != ink ]; then exp=$exp-$edges; fi

prepare() { # prepare SET: data/discovery/SET
  case $1 in
    joined | apart) python data_prep/mini_handwriting.py data/discovery/"$1" --layout "$1" ;;
    french-single) python data_prep/medieval_french.py "$raw"/hw_medieval_fro data/discovery/"$1" --writers bnf_fr_412-wauchier ;;
    french-all) python data_prep/medieval_french.py "$raw"/hw_medieval_fro data/discovery/"$1" ;;
    french-held) python data_prep/medieval_french.py "$raw"/hw_medieval_fro data/discovery/"$1" --test-writers 2 ;;
    omniglot) python data_prep/omniglot.py "$raw"/omniglot_small1 data/discovery/"$1" --alphabets Latin,Greek --layout joined ;;
    mnist) python data_prep/mnist_writers.py "$raw"/mnist10k_writers data/discovery/"$1" --layout joined ;;
    *) echo "$0: no set $1" >&2; exit 2 ;;
  esac
}

blank() { # blank SET SEED: $exp/SET/blank-SEED, 20 names for the built-in digits and 100 for others
  local data=data/discovery/$1 out=$exp/$1/blank-$2 codes=100 split
  case $1 in joined | apart) codes=20 ;; esac
  for split in train test; do unitdisc features "$data"/$split.jsonl "$out"/pixels/$split --kind columns --slant; done
  python eval/blank_units.py "$out"/pixels "$out" --codes $codes --seed "$2"
}

discover() { # discover SET SYSTEM SEED: $exp/SET/SYSTEM-SEED, and its units of train and test set
  local data=data/discovery/$1 out=$exp/$1/$2-$3 rounds=3 split
  if [ "$2" = templates ]; then rounds=0; fi
  unitdisc discover discover-handwriting "$data"/train.jsonl "$out"/train --rounds $rounds --seed "$3" \
    --set training.seed="$3" --edges "$edges"
  unitdisc discover "$out"/train "$data"/test.jsonl "$out"/test
  for split in train test; do # where eval/handwriting.py looks for units
    mkdir -p "$out"/encodings/$split
    ln -sfn ../../$split/units "$out"/encodings/$split/bottleneck
  done
}

there() { # there SET: whether its lines are
  [ -f data/discovery/"$1"/train.jsonl ]
}

if stage "prepare"; then
  for set in $sets; do
    case $set in joined | apart) prepare "$set" ;; *) if [ -d "$raw" ]; then prepare "$set"; fi ;; esac
  done
fi
for set in $sets; do
  if there "$set"; then
    for seed in $seeds; do
      for system in $systems; do
        if stage "$set, seed $seed: $system"; then
          if [ "$system" = blank ]; then blank "$set" "$seed"; else discover "$set" "$system" "$seed"; fi
        fi
      done
    done
  fi
done
if stage "tables"; then
  for set in $sets; do
    if there "$set"; then
      echo "== $set"
      python eval/handwriting.py data/discovery/"$set"/test.jsonl --train data/discovery/"$set"/train.jsonl \
        --output $exp/"$set"/table.json $exp/"$set"/*-[0-9]
    fi
  done
fi
