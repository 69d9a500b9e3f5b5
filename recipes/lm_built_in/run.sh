#!/usr/bin/env bash
# Language models on text whose entropy is known exactly, against the amount of it; and on the phones of the built-in
# speech, words against pseudo-words. Some half an hour of one core; SIZES, ORDERS and STEPS choose less.
source "$(dirname "$0")/../shared.sh"

data=data/lm_built_in
exp=exp/lm_built_in
sizes=${SIZES:-10000 100000 1000000}
orders=${ORDERS:-2 3 4 5 6}
steps=${STEPS:-1000}

score() { # score SIZE MODEL: exp/lm_built_in/test-SIZE-MODEL.json
  unitdisc lm-score $exp/"$1"-"$2" $data/test.txt --output $exp/test-"$1"-"$2".json
}

if stage "a grammar of known entropy"; then
  # shellcheck disable=SC2086
  python eval/language_models.py grammar $data --sizes $sizes
fi
if stage "n-grams"; then
  for size in $sizes; do
    for order in $orders; do
      unitdisc lm-train ngram $data/train-"$size".txt $exp/"$size"-ngram-"$order" --set order="$order"
      score "$size" ngram-"$order"
    done
  done
fi
if stage "networks"; then
  for size in $sizes; do
    for model in lstm-small lm-small; do
      unitdisc lm-train $model $data/train-"$size".txt $exp/"$size"-$model --set dim=128 --set layers=2 \
        --set steps="$steps" --device cpu
      score "$size" $model
    done
  done
fi
if stage "table"; then
  python eval/language_models.py table $data $exp
fi
if stage "words against pseudo-words, on true phones"; then
  python data_prep/mini_speech.py data/mini_speech
  python eval/language_models.py pairs data/mini_speech/train.jsonl $data/words
  phones=data/mini_speech/train.jsonl
  unitdisc lm-train ngram $phones $exp/phones-ngram --tier phone
  for model in lstm-small lm-small; do
    unitdisc lm-train $model $phones $exp/phones-$model --tier phone --set dim=128 --set layers=2 \
      --set steps="$steps" --device cpu
  done
  for model in ngram lstm-small lm-small; do
    unitdisc lm-score $exp/phones-$model data/mini_speech/test.jsonl --tier phone --output $exp/phones-$model.json
    unitdisc lm-score $exp/phones-$model $data/words/items.txt --pairs $data/words/pairs.tsv \
      --output $exp/words-$model.json
  done
fi
