#!/usr/bin/env bash
# How far does the ABX error come down with hours of speech, and with minutes of training? Nested train sets of whole speakers:
# first those of so762_dev, then the adults and, where that is not enough, the children of so762_more; the same 12 test
# speakers for all. HOURS, STEPS (of masked-alike; vq takes a quarter more), SEEDS and SYSTEMS choose less or more; MORE: where
# so762_more is; EXP: where results go. Some three hours of one core.
source "$(dirname "$0")/../shared.sh"

raw=${UNITDISC_DATA:-../shared/data}/so762_dev
more=${MORE:-${UNITDISC_DATA:-../shared/data}/so762_more}
data=data/speechocean762-hours
exp=${EXP:-exp/speechocean762/curves}
compare=recipes/speechocean762/compare.sh
adults=2 # hours; larger train sets have children too
export SCORES=any

if stage "train sets"; then
  for hours in ${HOURS:-0.1 0.25 0.5 1 2 4.5}; do
    age=(--more-from-age 18)
    ! awk "BEGIN { exit !($hours > $adults) }" || age=()
    python data_prep/speechocean762.py "$raw" $data/"$hours" --more "$more" --train-hours "$hours" "${age[@]}"
  done
fi
if stage "error against hours"; then
  once=mfcc-speaker # learns nothing
  for hours in ${HOURS:-0.1 0.25 0.5 1 2 4.5}; do
    SYSTEMS="$once ${SYSTEMS:-classical masked-alike}" DATA=$data/$hours EXP=$exp/hours/$hours $compare --stage 2 --stop-stage 2
    once=
    rm -rf "$exp/hours/$hours/"{frames,encodings} # frames of 4.5 hours are gigabytes
  done
fi
if stage "error against minutes, of half an hour"; then
  for steps in ${STEPS:-100 200 400 800}; do
    more_steps=$((steps * 5 / 4))
    SET="training.steps=$steps" DATA=$data/0.5 EXP=$exp/steps/$steps SYSTEMS=masked-alike $compare --stage 2 --stop-stage 2
    SET="training.steps=$more_steps training.halve_at=[$((more_steps * 3 / 5)),$((more_steps * 4 / 5))]" \
      DATA=$data/0.5 EXP=$exp/steps/$more_steps SYSTEMS=vq $compare --stage 2 --stop-stage 2
  done
fi
if stage "tables and figures"; then
  python eval/curves.py "$exp" docs
fi
