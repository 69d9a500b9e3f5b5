#!/usr/bin/env bash
# Decoders of every kind under the same units, each trained for about two minutes of one core: the built-in
# handwriting under units of `unitdisc discover`, the built-in speech under k-means of MFCC. Bits per pixel and mel bin,
# exact or a bound; what a reader makes of the lines that they write, who has learned from the real ones as the decoders are
# shown them; spectral distance; quality against the number of steps; and a picture.
#   SIGNALS="handwriting speech"  which; EXP=exp/generators  where to
#   READER=FOLDER  of `unitdisc align`, instead of one that learns from the lines as decoders are shown them
#   KINDS="columns diffusion-columns"  decoders, of handwriting diffusion-columns at least (default: all)
#   ROUNDS=2  of finding the units of handwriting
#   STEPS="1 2 5 10 20"  of those that draw in steps
#   FEWER=8  an eighth of all steps of training, to see that it runs
source "$(dirname "$0")/../shared.sh"

signals=${SIGNALS:-handwriting speech}
fewer=${FEWER:-1}
exp=${EXP:-exp/generators}
reader=${READER:-}
declare -A kinds=(
  [handwriting]="columns pixelcnn flow-columns diffusion-columns flow-matching-columns"
  [speech]="frames flow diffusion flow-matching"
)
if [ -n "${KINDS:-}" ]; then kinds=([handwriting]=$KINDS [speech]=$KINDS); fi

train() { # train SIGNAL KIND STEPS OPTIONS...: under units that are the same for all kinds
  local signal=$1 kind=$2 steps=$(($3 / fewer)) units
  shift 3
  case $signal in
    handwriting) units=(units-handwriting --units $exp/handwriting/units/train) ;;
    speech) units=(small --set encoder.kind=identity --set bottleneck.kind=kmeans --set bottleneck.num_codes=64
      --set bottleneck.warmup_steps=5 --set target.bins=40) ;;
  esac
  unitdisc train "${units[0]}" data/mini_"$signal"/train.jsonl $exp/"$signal"/"$kind" "${units[@]:1}" \
    --set training.steps="$steps" --set training.halve_at="[$((steps * 6 / 10)), $((steps * 8 / 10))]" \
    --set training.clip=1.0 "$@"
}

train_kind() { # train_kind SIGNAL KIND
  case $2 in
    columns) train "$1" "$2" 1600 ;;
    frames) train "$1" "$2" 1600 ;;
    pixelcnn) train "$1" "$2" 430 --set decoder.kind=pixelcnn --set decoder.channels=16 --set decoder.layers=4 \
      --set decoder.first_kernel=5 --set decoder.history_dropout=0.6 ;;
    flow*) case $2 in
      flow-matching*) train "$1" "$2" 680 --set decoder.kind="${2/flow-matching/diffusion}" --set decoder.path=flow-matching \
        --set decoder.sampler=euler ;;
      *) train "$1" "$2" 450 --set decoder.kind="$2" ;;
    esac ;;
    diffusion*) train "$1" "$2" 680 --set decoder.kind="$2" ;;
  esac
}

if stage "corpora"; then
  for signal in $signals; do
    case $signal in
      handwriting) python data_prep/mini_handwriting.py data/mini_handwriting ;;
      speech) python data_prep/mini_speech.py data/mini_speech ;;
    esac
  done
fi
if stage "units of handwriting"; then
  case $signals in *handwriting*)
    unitdisc discover discover-handwriting data/mini_handwriting/train.jsonl $exp/handwriting/units/train --rounds "${ROUNDS:-2}"
      ;;
  esac
fi
for signal in $signals; do
  if stage "$signal: train"; then
    for kind in ${kinds[$signal]}; do
      time train_kind "$signal" "$kind"
    done
  fi
  if stage "$signal: a reader"; then
    corpus=data/mini_$signal/train.jsonl
    if [ "$signal" = handwriting ]; then # lines upright and clean, as decoders are shown them, of which all is given
      shown=$exp/handwriting/shown
      unitdisc resynthesise $exp/handwriting/diffusion-columns data/mini_handwriting/test.jsonl $shown/as-shown \
        --given 0.999 --steps 1 --limit 60
      if [ -z "$reader" ]; then
        unitdisc resynthesise $exp/handwriting/diffusion-columns $corpus $shown/train --given 0.999 --steps 1
        python eval/resyntheses.py $corpus $shown/train --corpus $shown/train.jsonl
        corpus=$shown/train.jsonl
      fi
    fi
    if [ -z "$reader" ]; then
      unitdisc align "$corpus" --output $exp/"$signal"/reader --tier read --prior 0 --epochs 8
    fi
  fi
  if stage "$signal: bits"; then
    for kind in ${kinds[$signal]}; do
      unitdisc likelihood $exp/"$signal"/"$kind" data/mini_"$signal"/test.jsonl --limit 20 \
        --output $exp/"$signal"/bits/"$kind"-units.json
    done
    python eval/likelihoods.py $exp/"$signal"/bits/*.json
  fi
  if stage "$signal: test utterances again"; then
    folders=() options=()
    if [ "$signal" = handwriting ]; then
      folders+=($exp/handwriting/shown/as-shown)
      options+=(--picture $exp/handwriting/again.png --lines 3)
    fi
    for kind in ${kinds[$signal]}; do
      folders+=($exp/"$signal"/again/"$kind")
      time unitdisc resynthesise $exp/"$signal"/"$kind" data/mini_"$signal"/test.jsonl "${folders[-1]}" --limit 60
    done
    python eval/resyntheses.py data/mini_"$signal"/test.jsonl "${folders[@]}" --reader "${reader:-$exp/$signal/reader}"/aligner \
      --output $exp/"$signal"/again.json "${options[@]}"
  fi
  if stage "$signal: few steps"; then
    for kind in ${kinds[$signal]}; do
      case $kind in
        diffusion*) samplers="ddim ddpm" ;;
        flow-matching*) samplers="euler heun" ;;
        *) continue ;;
      esac
      for sampler in $samplers; do
        for steps in ${STEPS:-1 2 5 10 20}; do
          unitdisc resynthesise $exp/"$signal"/"$kind" data/mini_"$signal"/test.jsonl \
            $exp/"$signal"/steps/"$kind-$sampler-$(printf %02d $steps)" --limit 20 --sampler $sampler --steps $steps
        done
      done
    done
    python eval/resyntheses.py data/mini_"$signal"/test.jsonl $exp/"$signal"/steps/* --reader "${reader:-$exp/$signal/reader}"/aligner \
      --output $exp/"$signal"/steps.json
  fi
done
