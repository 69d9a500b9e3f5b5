#!/usr/bin/env bash
# ZeroSpeech 2017, track 1, with nothing but the challenge's own recordings: for every language speakers made alike and
# mixtures (classical), contrastive predictive coding (cpc) and masked prediction (masked), beside plain features.
# RAW: the challenge's data, with train and test as they are distributed (zerospeech2017/data); CPC and MASKED: the presets of networks, by
# default those for a GPU; LANGUAGES, DURATIONS, SYSTEMS and SEED choose. The built-in speech in the same shape, on a CPU:
#   recipes/mini_zerospeech2017/run.sh --stop-stage 2
#   RAW=data/mini_zerospeech2017/raw CPC=small-cpc MASKED=small-masked EXP=exp/mini_zerospeech2017/prediction \
#     recipes/zerospeech2017/run.sh
source "$(dirname "$0")/../shared.sh"

raw=${RAW:-zerospeech2017/data}
exp=${EXP:-exp/zerospeech2017}
data=$exp/lists
languages=${LANGUAGES:-english french mandarin}
durations=${DURATIONS:-1s 10s 120s}
systems=${SYSTEMS:-mfcc mfcc-normalised classical cpc masked}
seed=${SEED:-0}

plain() { # plain SYSTEM LANGUAGE OPTIONS ...: features of the test files
  local duration
  for duration in $durations; do
    unitdisc features "$data/$2/test-$duration.jsonl" "$exp/encodings/$2/$duration/$1" "${@:3}"
  done
}

classical() { # classical LANGUAGE: what is learned of the train set, applied to the test files
  local train=$data/$1/train.jsonl frames=$exp/frames/$1 duration
  unitdisc features "$train" "$frames/warped/train" --vtln 7
  unitdisc normalise "$frames/warped/train" "$train" "$frames/classical/train" --steps classical
  for duration in $durations; do
    unitdisc features "$data/$1/test-$duration.jsonl" "$frames/warped/$duration" --vtln 7 --like "$frames/warped/train"
    unitdisc normalise "$frames/warped/$duration" "$data/$1/test-$duration.jsonl" \
      "$exp/encodings/$1/$duration/classical" --like "$frames/classical/train"
  done
}

network() { # network SYSTEM PRESET LANGUAGE: the frames of its encoder
  local model=$exp/models/$3/$1 duration
  unitdisc train "$2" "$data/$3/train.jsonl" "$model" --set training.seed="$seed"
  for duration in $durations; do
    unitdisc encode "$model" "$data/$3/test-$duration.jsonl" "$exp/encoded/$1/$3/$duration" --at encoder
    mkdir -p "$exp/encodings/$3/$duration"
    ln -sfn "../../../encoded/$1/$3/$duration/encoder" "$exp/encodings/$3/$duration/$1"
  done
}

each() { # each SYSTEM LANGUAGE
  case $1 in
    mfcc) plain mfcc "$2" ;;
    mfcc-normalised) plain mfcc-normalised "$2" --normalise utterance ;;
    classical) classical "$2" ;;
    cpc) network cpc "${CPC:-cpc}" "$2" ;;
    masked) network masked "${MASKED:-hubert-small}" "$2" ;;
    *) echo "$0: no system $1" >&2; exit 2 ;;
  esac
}

if stage "lists of the challenge's files"; then
  # shellcheck disable=SC2086 # languages are words
  python data_prep/zerospeech2017.py "$raw" "$data" --languages $languages
fi
for language in $languages; do
  for system in $systems; do
    if stage "$language: $system"; then each "$system" "$language"; fi
  done
done
if stage "score"; then
  python eval/zerospeech2017.py "$raw/test" "$exp/encodings" --json "$exp/zerospeech2017.json"
fi
