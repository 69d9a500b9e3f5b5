#!/usr/bin/env bash
# Lines in another hand, learned without pairs: the built-in handwriting, nine of twelve writers learned, lines of other
# images of digits converted into the hands of three of them, by writers that were learned and by three that were not.
# With and without the critic and the network that leans whole lines, beside conversion by units. Whose hand they are
# taken for, and what a reader of real lines reads. Then, if UNITDISC_DATA is there, Old French manuscripts.
# Some fifteen minutes of one core.
#   KINDS="convert upright units"  which; FEWER=8  an eighth of all steps, to see that it runs
source "$(dirname "$0")/../shared.sh"

kinds=${KINDS:-convert upright units}
fewer=${FEWER:-1}
hands="ben fay ivo"
raw=${UNITDISC_DATA:-../shared/data}/hw_medieval_fro
data=data/conversion
exp=exp/conversion

train() { # train KIND CORPUS EXPERIMENT
  local options=()
  case $1 in
    units)
      unitdisc train small-handwriting "$2" "$3" --set decoder.kind=diffusion-columns --set "training.steps=$((800 / fewer))" \
        --set "training.halve_at=[$((500 / fewer)), $((650 / fewer))]" --set training.average_decay=0.99
      return ;;
    upright) options=(--set objective.posture=false) ;;
  esac
  unitdisc train convert-handwriting "$2" "$3" --set "training.steps=$((1000 / fewer))" "${options[@]}"
}

converted() { # converted KIND CORPUS EXPERIMENT FOLDER HAND...: FOLDER/images/ID--HAND.png
  local kind=$1 corpus=$2 experiment=$3 folder=$4 hand options=()
  shift 4
  for hand in "$@"; do options+=(--speaker "$hand"); done
  case $kind in
    units) unitdisc resynthesise "$experiment" "$corpus" "$folder"/images "${options[@]}" > "$folder".txt ;;
    *) unitdisc convert "$experiment" "$corpus" "$folder" "${options[@]}" ;;
  esac
}

if stage "lines of nine writers, and of all twelve"; then
  python data_prep/mini_handwriting.py $data/learned --test-writers 3
  python data_prep/mini_handwriting.py $data/all
  grep -v -e cleo- -e hana- -e jun- $data/all/test.jsonl > $data/all/known.jsonl
fi
if stage "a reader of real lines"; then
  unitdisc align $data/all/train.jsonl --output $exp/reader --tier read --prior 0 --epochs 8
fi
if stage "train"; then
  for kind in $kinds; do
    time train "$kind" $data/learned/train.jsonl $exp/"$kind"
  done
fi
if stage "convert, and judge"; then
  for corpus in all/known learned/test; do
    for kind in $kinds; do
      folder=$exp/made/$corpus/$kind
      mkdir -p "$folder"
      converted "$kind" $data/$corpus.jsonl $exp/"$kind" "$folder" $hands
      echo "== $corpus: $kind"
      python eval/other_hands.py $data/$corpus.jsonl "$folder"/images "$folder"/lines.jsonl --train $data/all/train.jsonl \
        --as-written
      python eval/resyntheses.py $data/$corpus.jsonl "$folder"/images --reader $exp/reader/aligner
    done
  done
fi
