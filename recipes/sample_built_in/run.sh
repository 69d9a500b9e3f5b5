#!/usr/bin/env bash
# New speech and new handwriting from the built-in corpora: units of an autoencoder, language models of these, and what
# the models make up, from nothing and from the beginnings of test utterances, as the decoder says or writes it; then
# the words of the built-in speech on a page. Half an hour on one core; STEPS is of the autoencoder, LM_STEPS of the LSTM.
source "$(dirname "$0")/../shared.sh"

exp=exp/sample_built_in
steps=${STEPS:-1000}
lm_steps=${LM_STEPS:-1000}

units() { # units CORPUS PRESET OPTIONS...: an autoencoder, its codes, and models of these
  local corpus=$1 preset=$2
  shift 2
  unitdisc train "$preset" data/"$corpus"/train.jsonl $exp/"$corpus"/model --set training.steps="$steps" "$@"
  for split in train test; do
    unitdisc encode $exp/"$corpus"/model data/"$corpus"/$split.jsonl $exp/"$corpus"/encodings/$split --at bottleneck
  done
}

models() { # models CORPUS: language models of units, and of units with their durations
  local units=$exp/$1/encodings/train/bottleneck
  unitdisc lm-train ngram "$units" $exp/"$1"/lm-units
  unitdisc lm-train ngram "$units" $exp/"$1"/lm-durations --symbols durations
  unitdisc lm-train lstm-small "$units" $exp/"$1"/lm-lstm --symbols durations --set dim=128 \
    --set steps="$lm_steps" --device cpu
}

made_up() { # made_up CORPUS LM OPTIONS...: continuations of test utterances, encoded again
  local corpus=$1 lm=$2 out=$exp/$1/made-up/$2
  shift 2
  unitdisc sample $exp/"$corpus"/model $exp/"$corpus"/lm-"$lm" "$out" --prompts data/"$corpus"/test.jsonl "$@"
  unitdisc encode $exp/"$corpus"/model "$out"/corpus.jsonl "$out"/again --at bottleneck
}

if stage "make the corpora"; then
  python data_prep/mini_speech.py data/mini_speech
  python data_prep/mini_handwriting.py data/mini_handwriting
fi
if stage "units of speech and of handwriting"; then
  units mini_speech small-piecewise
  units mini_handwriting small-handwriting
fi
if stage "language models"; then
  models mini_speech
  models mini_handwriting
fi
if stage "what they make up"; then
  for lm in units durations lstm; do
    made_up mini_speech $lm --limit 20 --prompt-seconds 1 --longest 4
    made_up mini_handwriting $lm --limit 20 --longest 12
    unitdisc sample $exp/mini_speech/model $exp/mini_speech/lm-$lm $exp/mini_speech/new/$lm --samples 4 --longest 4
  done
fi
if stage "table"; then
  for corpus in mini_speech mini_handwriting; do
    python eval/samples.py $exp/$corpus/made-up $exp/$corpus/encodings/train/bottleneck
  done
fi
if stage "words on a page"; then
  unitdisc features data/mini_speech/test.jsonl $exp/mini_speech/mfcc --normalise speaker
  unitdisc segment $exp/mini_speech/mfcc data/mini_speech/test.jsonl $exp/mini_speech/units --codes 64 \
    --units-per-second 8 --durations gamma
  for tier in phone none; do
    if [ $tier = phone ]; then options="--units-tier phone"; else options=""; fi
    # shellcheck disable=SC2086
    unitdisc words $exp/mini_speech/units data/mini_speech/test.jsonl $exp/mini_speech/words-$tier --speech-tier phone \
      --method dp-unigram $options
    unitdisc score $exp/mini_speech/words-$tier data/mini_speech/test.jsonl --tier word
    unitdisc show $exp/mini_speech/words-$tier data/mini_speech/test.jsonl $exp/mini_speech/words-$tier.html
  done
fi
