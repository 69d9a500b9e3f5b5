#!/usr/bin/env bash
# Words without a lexicon: every method of `unitdisc words`, from true phones, from units and from frames, beside words
# that are evenly spaced, drawn by lot, or true. On the built-in corpus, in English, French and Mandarin. An hour on one
# core for English; CORPORA and SYSTEMS choose less.
source "$(dirname "$0")/../shared.sh"
source recipes/words.sh

corpora=${CORPORA:-mini_speech mini_speech-fr mini_speech-cmn}
exp=exp/mini_words

if stage "prepare the corpora"; then
  prepare_corpora ""
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
