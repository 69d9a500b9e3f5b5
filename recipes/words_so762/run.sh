#!/usr/bin/env bash
# Words without a lexicon in real recordings, read English by Mandarin speakers: the rows of mini_words. Frames and units
# are learned of 36 speakers, words found in 12 others. Needs the corpus in the folder UNITDISC_DATA. An hour on one core;
# SYSTEMS chooses less.
source "$(dirname "$0")/../shared.sh"
source recipes/words.sh

raw=${UNITDISC_DATA:-../shared/data}/so762_dev
corpora=speechocean762
exp=exp/words_so762

if stage "prepare the corpus"; then
  prepare_corpora "$raw"
fi
if stage "frames and units"; then
  each_corpus made
fi
if stage "words"; then
  each_corpus found
fi
if stage "compare"; then
  tables
fi
