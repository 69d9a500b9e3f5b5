#!/usr/bin/env bash
# Lines in another hand, learned without pairs: the built-in handwriting, nine of twelve writers learned, lines of other
# images of digits converted into the hands of three of them, by writers that were learned and by three that were not;
# beside conversion by units, and of a few lines by texture. Whose hand they are taken for, and what a reader of real
# lines reads. Then, if UNITDISC_DATA is there, Old French manuscripts of which one hand is held out.
# Some ten minutes of one core.
#   KINDS="convert units"  which; also upright: without the network that leans whole lines
#   LINES_BY="all/known learned/test"  whose lines are converted: by writers that were learned, by ones that were not
#   EXP=exp/conversion  where to; READER=FOLDER  of `unitdisc align`, instead of one that learns from lines of all twelve
#   FEWER=8  an eighth of all steps, to see that it runs
source "$(dirname "$0")/../shared.sh"

kinds=${KINDS:-convert units}
fewer=${FEWER:-1}
hands="ben fay ivo"
raw=${UNITDISC_DATA:-../shared/data}/hw_medieval_fro
data=data/conversion
exp=${EXP:-exp/conversion}
reader=${READER:-$exp/reader}

train() { # train KIND CORPUS EXPERIMENT
  local options=()
  case $1 in
    units)
      unitdisc train small-handwriting "$2" "$3" --set "training.steps=$((600 / fewer))" \
        --set "training.halve_at=[$((360 / fewer)), $((480 / fewer))]" --set training.average_decay=0.99
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
  if [ -z "${READER:-}" ]; then
    unitdisc align $data/all/train.jsonl --output $exp/reader --tier read --prior 0 --epochs 8
  fi
fi
if stage "train"; then
  for kind in $kinds; do
    time train "$kind" $data/learned/train.jsonl $exp/"$kind"
  done
fi
judge() { # judge CORPUS IMAGES READ_BY: whose hand lines are taken for by who learned from READ_BY
  python eval/other_hands.py "$1" "$2" "$2".jsonl --train "$3" --as-written --output "$2"-hands.json
}

if stage "convert, and judge"; then
  for corpus in ${LINES_BY:-all/known learned/test}; do
    for kind in $kinds; do
      folder=$exp/made/$corpus/$kind
      mkdir -p "$folder"
      converted "$kind" $data/$corpus.jsonl $exp/"$kind" "$folder" $hands
      echo "== $corpus: $kind"
      judge $data/$corpus.jsonl "$folder"/images $data/all/train.jsonl
      python eval/resyntheses.py $data/$corpus.jsonl "$folder"/images --reader "$reader"/aligner \
        --output "$folder"/images-read.json --picture "$folder"/lines.png
    done
  done
fi
has() { # has KIND: whether it is among those that were trained
  case " $kinds " in *" $1 "*) ;; *) return 1 ;; esac
}

if stage "every tenth line by texture, in features of the encoder of units" && has units && has convert; then
  awk 'NR % 10 == 1' $data/learned/test.jsonl > $data/learned/twelve.jsonl
  folder=$exp/made/texture options=()
  for hand in $hands; do options+=(--speaker "$hand"); done
  unitdisc convert $exp/units $data/learned/twelve.jsonl $folder --texture $data/learned/train.jsonl "${options[@]}"
  for images in $folder/images $exp/made/learned/test/convert/images; do
    judge $data/learned/twelve.jsonl "$images" $data/all/train.jsonl
    python eval/resyntheses.py $data/learned/twelve.jsonl "$images" --reader "$reader"/aligner \
      --output "$images"-read.json --picture "$images"-lines.png
  done
fi
if stage "Old French: one hand held out" && [ -d "$raw" ]; then
  python data_prep/medieval_french.py "$raw" $data/french-learned --test-writers bnf_fr_412-wauchier
  python data_prep/medieval_french.py "$raw" $data/french-all
  grep bnf_fr_412-wauchier $data/french-all/test.jsonl > $data/french-all/held.jsonl
  time unitdisc train convert-handwriting $data/french-learned/train.jsonl $exp/french --set "training.steps=$((600 / fewer))"
  converted french $data/french-all/held.jsonl $exp/french $exp/made/french bnf_arsenal_3516-imageDuMonde \
    bnf_fr_844-manuscritDuRoi vaticane_reg_lat_1616-otinel
  judge $data/french-all/held.jsonl $exp/made/french/images $data/french-all/train.jsonl
fi
