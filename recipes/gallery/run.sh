#!/usr/bin/env bash
# Every kind of page that unitdisc makes, of the built-in speech and handwriting, behind one page: exp/gallery/index.html,
# a folder to hand on. The demo is run first, if it has not been: quarter of an hour on two cores; what is added takes some five
# minutes of one.
source "$(dirname "$0")/../shared.sh"

speech=exp/mini_speech/piecewise-vq
lines=exp/mini_handwriting/piecewise-vq
found=exp/mini_handwriting/discover
exp=exp/gallery
pages=$exp/pages

copied() { # copied PAGE NAME: a page of the demo
  cp "$1" "$pages/$2.html"
}

if stage "the demo"; then
  recipes/mini_speech/run.sh
  recipes/mini_handwriting/run.sh
fi
if stage "its reports"; then
  mkdir -p $pages
  copied $speech/report/index.html report-speech
  copied $lines/report/index.html report-handwriting
  copied $found/units.html units-handwriting
  unitdisc show $speech/encodings/test/bottleneck data/mini_speech/test.jsonl $pages/units-speech.html
fi
if stage "words of phones, and of units"; then
  unitdisc features data/mini_speech/test.jsonl $exp/mfcc --normalise speaker
  unitdisc segment $exp/mfcc data/mini_speech/test.jsonl $exp/units --codes 64 --units-per-second 8 --durations gamma
  unitdisc words $exp/mfcc data/mini_speech/test.jsonl $exp/words/phones --speech-tier phone --units-tier phone --method dp-unigram
  unitdisc words $exp/units data/mini_speech/test.jsonl $exp/words/units --speech-tier phone --method dp-unigram
  for words in phones units; do unitdisc show $exp/words/$words data/mini_speech/test.jsonl $pages/words-of-$words.html; done
fi
if stage "terms"; then
  unitdisc terms $exp/mfcc data/mini_speech/test.jsonl $exp/terms --alike 0.01 --speech-tier phone
  unitdisc show $exp/terms data/mini_speech/test.jsonl $pages/terms.html
fi
if stage "new writing"; then
  unitdisc encode $lines data/mini_handwriting/train.jsonl $exp/encodings --at bottleneck
  unitdisc lm-train ngram $exp/encodings/bottleneck $exp/lm --symbols durations
  unitdisc sample $lines $exp/lm $exp/new --prompts data/mini_handwriting/test.jsonl --limit 6
  copied $exp/new/index.html new-writing
fi
if stage "outliers"; then
  unitdisc outliers $lines data/mini_handwriting/test.jsonl $exp/outliers
  copied $exp/outliers/index.html outliers
fi
if stage "to look around in"; then
  unitdisc explore $speech data/mini_speech/test.jsonl --static $pages/explore-speech --limit 12
  unitdisc explore $found/test/units data/mini_handwriting/test.jsonl --static $pages/explore-handwriting --limit 12
fi
if stage "one page"; then
  python eval/gallery.py $exp
fi
