#!/usr/bin/env bash
# What units of discovery are worth as bottleneck of an autoencoder, and their network as encoder of others, on the
# joined digits of the built-in handwriting. Six systems, trained for about a minute of one core each, units-whole for two:
#   units, units-whole                  the decoder is told the units that were discovered, by thirds or as wholes
#   piecewise-vq, vq                    as many codes, of an encoder that learns with the decoder
#   network-piecewise-vq, network-vq    as many codes, of the frozen network that was taught the units
# `SETS=joined SYSTEMS=discover recipes/discovery/run.sh` makes the units. SYSTEMS chooses less.
source "$(dirname "$0")/../shared.sh"

systems=${SYSTEMS:-units units-whole piecewise-vq vq network-piecewise-vq network-vq}
data=data/discovery/joined
found=exp/discovery/joined/discover-0
exp=exp/discovery/autoencoder

train() { # train SYSTEM CONFIG STEPS OPTIONS...
  local system=$1 config=$2 steps=$3
  shift 3
  unitdisc train "$config" $data/train.jsonl $exp/"$system" "$@" --set training.steps="$steps" \
    --set training.halve_at="[$((steps * 6 / 10)), $((steps * 8 / 10))]" --set training.average_decay=0.99
}

train_system() { # train_system SYSTEM: as many codes, and units in 100 columns, as were discovered; lines as it sees them
  local seen=(--set features.slant=true --set features.body=true)
  local network=(--units $found/train --set encoder.kind=experiment)
  local pieces=(--set bottleneck.num_codes=33 --set bottleneck.units_per_100_columns=8.9)
  local frames=(--set bottleneck.kind=vq --set bottleneck.num_codes=33 --set bottleneck.batch_norm=true)
  case $1 in
    units) train "$1" units-handwriting 800 --units $found/train ;;
    units-whole) train "$1" units-handwriting 1600 --units $found/train --set bottleneck.thirds=false ;;
    piecewise-vq) train "$1" small-handwriting 500 "${seen[@]}" "${pieces[@]}" ;;
    vq) train "$1" small-handwriting 475 "${seen[@]}" "${frames[@]}" ;;
    network-piecewise-vq) train "$1" small-handwriting 450 "${network[@]}" "${pieces[@]}" ;;
    network-vq) train "$1" small-handwriting 400 "${network[@]}" "${frames[@]}" ;;
    *) echo "$0: no system $1" >&2; exit 2 ;;
  esac
}

for system in $systems; do
  if stage "train $system"; then time train_system "$system"; fi
done
for system in $systems; do
  if stage "$system: units and likelihood"; then
    for split in train test; do
      unitdisc encode $exp/"$system" $data/$split.jsonl $exp/"$system"/encodings/$split --at bottleneck
    done
    unitdisc likelihood $exp/"$system" $data/test.jsonl --output $exp/"$system"/likelihood.json
  fi
done
for system in $systems; do
  if stage "$system: lines in the hand of gus, read by discovery; and lines gone on with"; then
    unitdisc resynthesise $exp/"$system" $data/test.jsonl $exp/"$system"/gus --speaker gus
    python eval/other_hands.py $data/test.jsonl $exp/"$system"/gus $exp/"$system"/gus.jsonl --train $data/train.jsonl
    unitdisc discover $found/train $exp/"$system"/gus.jsonl $exp/"$system"/gus-units
    unitdisc score $exp/"$system"/gus-units/units $exp/"$system"/gus.jsonl \
      --learn-encodings $found/train/units --learn-corpus $data/train.jsonl
    unitdisc resynthesise $exp/"$system" $data/test.jsonl $exp/"$system"/resyntheses --limit 4 --given 0.5
  fi
done
if stage "scores of units, beside those of discovery itself"; then
  # shellcheck disable=SC2086
  python eval/handwriting.py $data/test.jsonl --train $data/train.jsonl --output $exp/table.json \
    $found $(printf "$exp/%s " $systems)
fi
