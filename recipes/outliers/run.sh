#!/usr/bin/env bash
# Who notices faults in a corpus that a model was trained on, faults and all? Every fifth utterance of a train set gets one:
# noise, a gap, clipping, another speaker's name, another language and so on; `unitdisc outliers` beside distances to k-means
# codes of plain frames. Built-in speech and handwriting and, if UNITDISC_DATA is there, real recordings; SETS chooses
# less, STEPS=400 are those of training, EXP=exp/outliers is where to. Some fifteen minutes of one core.
source "$(dirname "$0")/../shared.sh"

raw=${UNITDISC_DATA:-../shared/data}/so762_dev
sets=${SETS:-speech lines real}
exp=${EXP:-exp/outliers}
steps=${STEPS:-400}

planted() { # planted SET: EXP/SET/corpus.jsonl
  case $1 in
    speech)
      python data_prep/mini_speech.py data/mini_speech
      python data_prep/mini_speech.py data/mini_speech-french --language fr
      python eval/plant_faults.py data/mini_speech/train.jsonl $exp/speech --others data/mini_speech-french/train.jsonl ;;
    lines)
      python data_prep/mini_handwriting.py data/mini_handwriting
      python eval/plant_faults.py data/mini_handwriting/train.jsonl $exp/lines ;;
    real)
      python data_prep/speechocean762.py "$raw" data/speechocean762
      python eval/plant_faults.py data/speechocean762/train.jsonl $exp/real ;;
    *) echo "$0: no set $1" >&2; exit 2 ;;
  esac
}

preset() { # preset SET
  case $1 in lines) echo small-handwriting ;; *) echo small ;; esac
}

for set in $sets; do
  here=$exp/$set
  if stage "$set: plant faults"; then
    if [ "$set" = real ] && [ ! -d "$raw" ]; then
      echo "no $raw: real recordings are left out; set UNITDISC_DATA to the folder of corpora"
    else
      planted "$set"
    fi
  fi
  if stage "$set: train on them, and look for them" && [ -f $here/corpus.jsonl ]; then
    unitdisc train "$(preset "$set")" $here/corpus.jsonl $here/model --set training.steps="$steps" \
      --set training.halve_at="[$((steps * 3 / 5)), $((steps * 4 / 5))]"
    unitdisc outliers $here/model $here/corpus.jsonl $here/outliers --voices
  fi
  if stage "$set: distances to codes of plain frames, and the table" && [ -f $here/corpus.jsonl ]; then
    case $set in lines) kind=columns ;; *) kind=mfcc ;; esac
    unitdisc features $here/corpus.jsonl $here/frames --kind $kind
    unitdisc kmeans $here/frames $here/codes.npy --codes 100
    python eval/outliers.py $here --frames $here/frames --codebook $here/codes.npy --output $here/table.json
  fi
done
