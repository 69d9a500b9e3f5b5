#!/usr/bin/env bash
# Damaged lines made whole, in hands that no model has seen: the built-in handwriting, three of twelve writers held out,
# damaged by stains (fading, ink from the back of the leaf, blots, holes, grain) or scanned at a third of the resolution.
# Restorers with and without a critic, and a perceptual loss in the features of an encoder of ours; beside what needs no
# learning. PSNR, SSIM, and what a reader of clean lines makes of them. Then, if UNITDISC_DATA is there, Old French
# manuscripts of which one hand is held out, stained. Some twelve minutes of one core.
#   DAMAGES="stains coarse"  which; KINDS="plain critic perceptual"  which; EXP=exp/restoration  where to
#   FEWER=8  an eighth of all steps, to see that it runs
source "$(dirname "$0")/../shared.sh"

damages=${DAMAGES:-stains coarse}
kinds=${KINDS:-plain critic perceptual}
fewer=${FEWER:-1}
raw=${UNITDISC_DATA:-../shared/data}/hw_medieval_fro
data=data/restoration
french=data/restoration-french
exp=${EXP:-exp/restoration}
declare -A strengths=(
  [stains]="fading=0.8 bleed=0.6 blots=1.0 holes=0.8 grain=0.1"
  [coarse]="fading=0.0 bleed=0.0 blots=0.0 holes=0.0 grain=0.0 coarse=3.0"
)

train() { # train DAMAGE KIND CORPUS EXPERIMENT
  local options=() steps=$((400 / fewer)) each
  for each in ${strengths[$1]}; do options+=(--set "augmentation.$each"); done
  case $2 in *critic*) options+=(--set objective.adversary=0.02) ;; esac
  case $2 in *perceptual*)
    options+=(--set encoder.kind=experiment --set encoder.folder=$exp/encoder --set encoder.point=encoder
      --set objective.perceptual=0.2) ;;
  esac
  unitdisc train restore-handwriting "$3" "$4" --set training.steps="$steps" "${options[@]}"
}

damaged() { # damaged DAMAGE CORPUS FOLDER
  local options=() each
  for each in ${strengths[$1]}; do case $each in *=0.0) ;; *) options+=("--${each%=*}" "${each#*=}") ;; esac; done
  python eval/damage_lines.py "$2" "$3" "${options[@]}"
}

if stage "lines, and damaged ones of the writers held out"; then
  python data_prep/mini_handwriting.py $data --test-writers 3
  for damage in $damages; do
    damaged "$damage" $data/test.jsonl $data/"$damage"
  done
fi
if stage "a reader of clean lines"; then
  unitdisc align $data/train.jsonl --output $exp/reader --tier read --prior 0 --epochs 8
fi
if stage "an encoder to compare lines by"; then
  case $kinds in *perceptual*)
    steps=$((200 / fewer))
    unitdisc train small-handwriting $data/train.jsonl $exp/encoder --set features.polarity=dark --set bottleneck.kind=linear \
      --set training.steps="$steps" --set training.average_decay=0.99
    ;;
  esac
fi
for damage in $damages; do
  if stage "$damage: train"; then
    for kind in $kinds; do
      time train "$damage" "$kind" $data/train.jsonl $exp/"$damage"/"$kind"
    done
  fi
  if stage "$damage: restore, and the table"; then
    folders=() options=()
    case $damage in coarse) options+=(--coarse 3) ;; esac
    for kind in $kinds; do
      folders+=($exp/restored/"$damage"/"$kind")
      unitdisc restore $exp/"$damage"/"$kind" $data/"$damage"/lines.jsonl "${folders[-1]}"
    done
    python eval/restored_lines.py $data/test.jsonl $data/"$damage"/lines.jsonl "${folders[@]}" --reader $exp/reader/aligner \
      --output $exp/"$damage".json --picture $exp/"$damage".png "${options[@]}"
  fi
done
if stage "Old French: one hand held out, stained" && [ -d "$raw" ]; then
  python data_prep/medieval_french.py "$raw" $french --test-writers bnf_fr_412-wauchier
  damaged stains $french/test.jsonl $french/stains
  time train stains plain $french/train.jsonl $exp/french/plain
  unitdisc restore $exp/french/plain $french/stains/lines.jsonl $exp/restored/french
  python eval/restored_lines.py $french/test.jsonl $french/stains/lines.jsonl $exp/restored/french \
    --output $exp/french.json --picture $exp/french.png
fi
