#!/usr/bin/env bash
# Terms: stretches that recur, from MFCC of speakers made alike, and from classical frames, which were learned on other
# speakers; at several thresholds, beside stretches drawn by lot. On the built-in corpus and, if UNITDISC_DATA is there, on
# real recordings. Some ten minutes of one core, of which the classical frames are most; CORPORA chooses less.
source "$(dirname "$0")/../shared.sh"

raw=${UNITDISC_DATA:-../shared/data}/so762_dev
corpora=${CORPORA:-mini_speech speechocean762}
exp=exp/terms

frames() { # frames CORPUS: MFCC, and classical frames as learned of the train set
  local part like=()
  unitdisc features data/"$1"/test.jsonl $exp/"$1"/frames/mfcc --normalise speaker
  for part in train test; do
    unitdisc features data/"$1"/$part.jsonl $exp/"$1"/warped/$part --vtln 7 "${like[@]}"
    like=(--like "$exp/$1/warped/train")
  done
  unitdisc normalise $exp/"$1"/warped/train data/"$1"/train.jsonl $exp/"$1"/warped/classical --steps classical
  unitdisc normalise $exp/"$1"/warped/test data/"$1"/test.jsonl $exp/"$1"/frames/classical --like $exp/"$1"/warped/classical
}

terms() { # terms CORPUS: every threshold of both frames, of all there is and of speech alone
  local frames alike tier
  for frames in mfcc classical; do
    for alike in 0.03 0.01; do
      for tier in "" phone; do
        one "$1" $frames "$alike${tier:+-speech}" --alike $alike ${tier:+--speech-tier $tier}
      done
    done
  done
  one "$1" mfcc exhaustive --alike 0.01 --speech-tier phone --search exhaustive
}

one() { # one CORPUS FRAMES NAME OPTIONS...: terms, and their scores
  local corpus=$1 frames=$2 found=$exp/$1/$2-$3 index=()
  shift 3
  case $found in *exhaustive) ;; *) index=(--index "$exp/$corpus/index-$frames") ;; esac
  unitdisc terms $exp/"$corpus"/frames/"$frames" data/"$corpus"/test.jsonl "$found" --threads 1 "${index[@]}" "$@"
  python eval/term_pairs.py "$found" data/"$corpus"/test.jsonl --output "$found.json"
}

if stage "prepare the corpora"; then
  prepare_corpora "$raw"
fi
if stage "frames"; then
  each_corpus frames
fi
if stage "terms"; then
  each_corpus terms
fi
