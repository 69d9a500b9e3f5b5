#!/usr/bin/env bash
# New speech and new handwriting from the built-in corpora: units of an autoencoder, language models of these, and what
# the models make up, from nothing and from the beginnings of test utterances, as the decoder says or writes it; then
# the words of the built-in speech on a page. Half an hour on two cores. CORPORA chooses less; STEPS is of the
# autoencoder, LM_STEPS of the LSTM.
source "$(dirname "$0")/../shared.sh"

corpora=${CORPORA:-mini_speech mini_handwriting}
exp=exp/sample_built_in
steps=${STEPS:-1000}
lm_steps=${LM_STEPS:-1000}

units() { # units CORPUS: an autoencoder, and its codes
  local preset=small-piecewise split
  if [ "$1" = mini_handwriting ]; then preset=small-handwriting; fi
  unitdisc train "$preset" data/"$1"/train.jsonl $exp/"$1"/model --set training.steps="$steps"
  for split in train test; do
    unitdisc encode $exp/"$1"/model data/"$1"/$split.jsonl $exp/"$1"/encodings/$split --at bottleneck
  done
}

models() { # models CORPUS: language models of units, and of units with their durations
  local units=$exp/$1/encodings/train/bottleneck
  unitdisc lm-train ngram "$units" $exp/"$1"/lm-units
  unitdisc lm-train ngram "$units" $exp/"$1"/lm-durations --symbols durations
  unitdisc lm-train lstm-small "$units" $exp/"$1"/lm-lstm --symbols durations --set dim=128 \
    --set steps="$lm_steps" --device cpu
}

made_up() { # made_up CORPUS: continuations of test utterances, encoded again; and what is made up of nothing
  local lm out
  for lm in units durations lstm; do
    out=$exp/$1/made-up/$lm
    unitdisc sample $exp/"$1"/model $exp/"$1"/lm-$lm "$out" --prompts data/"$1"/test.jsonl --limit 12 \
      --samples 2 --prompt-seconds 0.6 --prompt-share 0.5
    unitdisc encode $exp/"$1"/model "$out"/corpus.jsonl "$out"/again --at bottleneck
    unitdisc sample $exp/"$1"/model $exp/"$1"/lm-$lm $exp/"$1"/new/$lm --samples 4
  done
}

if stage "make the corpora"; then
  case $corpora in *mini_speech*) python data_prep/mini_speech.py data/mini_speech ;; esac
  case $corpora in *mini_handwriting*) python data_prep/mini_handwriting.py data/mini_handwriting ;; esac
fi
if stage "units"; then
  each_corpus units
fi
if stage "language models"; then
  each_corpus models
fi
if stage "what they make up"; then
  each_corpus made_up
fi
if stage "table"; then
  for corpus in $corpora; do
    python eval/samples.py $exp/"$corpus"/made-up $exp/"$corpus"/encodings/train/bottleneck
  done
fi
if stage "words on a page"; then
  test=data/mini_speech/test.jsonl
  unitdisc features $test $exp/words/mfcc --normalise speaker
  unitdisc segment $exp/words/mfcc $test $exp/words/units --codes 64 --units-per-second 8 --durations gamma
  unitdisc words $exp/words/mfcc $test $exp/words/of-phones --speech-tier phone --units-tier phone --method dp-unigram
  unitdisc words $exp/words/units $test $exp/words/of-units --speech-tier phone --method dp-unigram
  for name in of-phones of-units; do
    unitdisc score $exp/words/$name $test --tier word --output $exp/words/$name.json
    unitdisc show $exp/words/$name $test $exp/words/$name.html
  done
fi
