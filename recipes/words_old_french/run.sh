#!/usr/bin/env bash
# Words without a lexicon in lines of an Old French manuscript, one hand: gaps of ink, and methods on the units of
# `unitdisc discover`, beside words that are evenly spaced or drawn by lot. Units are learned of 239 lines, words found in
# 61 of other pages. Needs UNITDISC_DATA; a quarter of an hour on one core.
source "$(dirname "$0")/../shared.sh"
source recipes/words.sh

raw=${UNITDISC_DATA:-../shared/data}/hw_medieval_fro
corpora=words_old_french
data=data/words_old_french
exp=exp
out=exp/words_old_french
speech=()
scoring=(--tier word --tolerance 8) # columns, half a character
rate=(--words-per-100-columns 1.2) # as many as there are
named=(--types-by kmeans --types 281)

if stage "prepare the corpus" && [ -d "$raw" ]; then
  python data_prep/medieval_french.py "$raw" $data --writers bnf_fr_412-wauchier
fi
if stage "columns of pixels, and units" && [ -d $data ]; then
  unitdisc features $data/test.jsonl $out/columns --kind columns --slant
  unitdisc discover discover-handwriting $data/train.jsonl $out/discovered/train --rounds 0
  unitdisc discover $out/discovered/train $data/test.jsonl $out/discovered/test
fi
if stage "words" && [ -d $data ]; then
  one words_old_french columns-dips columns --method dips --types 281 --window 9 --min-duration 12 "${rate[@]}"
  one words_old_french columns-prominence columns --method prominence --types 281 --window 9 --min-duration 12 "${rate[@]}"
  for method in even random; do
    one words_old_french columns-$method columns --method $method "${named[@]}" "${rate[@]}"
  done
  for method in tp unigram bpe dp-unigram random; do
    one words_old_french units-$method-rate discovered/test/units --method $method "${rate[@]}"
  done
  one words_old_french units-dp-unigram discovered/test/units --method dp-unigram
  one words_old_french units-true discovered/test/units --method given --boundaries-tier word
fi
if stage "compare"; then
  tables
fi
