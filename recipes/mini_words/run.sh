#!/usr/bin/env bash
# Words without a lexicon: every method of `unitdisc words`, from MFCC, from k-means units and from true phones, beside
# words that are evenly spaced, drawn by lot, or true. On the built-in corpus and, if UNITDISC_DATA is there, on real
# recordings. Half an hour on one core; CORPORA chooses less.
source "$(dirname "$0")/../shared.sh"

raw=${UNITDISC_DATA:-../shared/data}/so762_dev
corpora=${CORPORA:-mini_speech speechocean762}
exp=exp/mini_words

corpus_rate() { # words a second of speech, and different words: as many as there are, for every method alike
  case $1 in mini_speech) rate=4.2 types=332 ;; *) rate=2.8 types=478 ;; esac
}

frames() { # frames CORPUS: MFCC of speakers made alike, and units of these, eight a second
  unitdisc features data/"$1"/test.jsonl $exp/"$1"/mfcc --normalise speaker
  unitdisc segment $exp/"$1"/mfcc data/"$1"/test.jsonl $exp/"$1"/units --codes 64 --units-per-second 8 --durations gamma
}

words() { # words CORPUS: every row
  local method
  corpus_rate "$1"
  for method in tp entropy unigram bpe dp-unigram dp-bigram; do
    one "$1" phones-$method mfcc --units-tier phone --method $method
  done
  one "$1" phones-tp-mi mfcc --units-tier phone --method tp --dependency mi
  for method in unigram bpe even random; do
    one "$1" phones-$method-rate mfcc --units-tier phone --method $method --words-per-second $rate
  done
  for method in tp entropy unigram bpe dp-unigram even random; do
    one "$1" units-$method-rate units --method $method --words-per-second $rate
  done
  for method in dp-unigram dp-bigram; do
    one "$1" units-$method units --method $method
  done
  one "$1" units-unigram-graph units --method unigram --words-per-second $rate --types-by graph
  one "$1" units-unigram-kmeans units --method unigram --words-per-second $rate --types-by kmeans --types $types
  one "$1" units-true units --method given --boundaries-tier word
  one "$1" units-true-graph units --method given --boundaries-tier word --types-by graph
  for method in prominence es-kmeans; do
    one "$1" mfcc-$method mfcc --method $method --words-per-second $rate --types $types
  done
  for method in even random; do
    one "$1" mfcc-$method mfcc --method $method --words-per-second $rate --types-by kmeans --types $types
  done
  one "$1" mfcc-true mfcc --method given --boundaries-tier word --types-by kmeans --types $types
}

one() { # one CORPUS NAME FOLDER OPTIONS...: a row, and how long it took
  local corpus=$1 name=$2 folder=$exp/$1/$3 begun=$SECONDS
  shift 3
  mkdir -p $exp/"$corpus"/scores
  unitdisc words "$folder" data/"$corpus"/test.jsonl $exp/"$corpus"/words/"$name" --speech-tier phone --threads 1 "$@"
  echo $((SECONDS - begun)) >$exp/"$corpus"/scores/"$name".seconds
  unitdisc score $exp/"$corpus"/words/"$name" data/"$corpus"/test.jsonl --tier word \
    --output $exp/"$corpus"/scores/"$name".json
}

if stage "prepare the corpora"; then
  prepare_corpora "$raw"
fi
if stage "frames and units"; then
  each_corpus frames
fi
if stage "words"; then
  each_corpus words
fi
if stage "compare"; then
  for corpus in $corpora; do
    if [ -d $exp/"$corpus"/scores ]; then python eval/words.py $exp/"$corpus"/scores; fi
  done
fi
