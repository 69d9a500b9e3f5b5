#!/usr/bin/env bash
# Language models on text whose entropy is known exactly, against the amount of it; on the phones of the built-in speech,
# words against pseudo-words; and on units of hours of running text, words against pseudo-words in voices that were not
# heard. Some hour of one core; SIZES, ORDERS, STEPS, MINUTES, UNITS and MODELS choose less, LANGUAGE=fr (from stage 6 on)
# another language than English.
source "$(dirname "$0")/../shared.sh"

data=data/lm_built_in
exp=exp/lm_built_in${LANGUAGE:+-$LANGUAGE}
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

spoken=data/spoken_text${LANGUAGE:+-$LANGUAGE}
spot=$exp/spot
minutes=${MINUTES:-60 180}
fit=${FIT:-12} # minutes that speakers are made alike by
units=${UNITS:-phones mfcc-50 classical-50 classical-50-seg}
models=${MODELS:-ngram-1 ngram-2 ngram-3 ngram-5 ngram-8 bpe-ngram-3 lstm-small}

segment() { # segment UNITS FRAMES PART [OPTION ...]: exp/lm_built_in/units/UNITS/PART, by the codebook of the units
  local name=$1 frames=$2 part=$3
  shift 3
  unitdisc segment "$frames" $spoken/"$part".jsonl $exp/units/"$name"/"$part" --codebook $exp/codes/"${name%-seg}".npy "$@"
}

each_part() { # each_part COMMAND ...: of the training sets and the words, with the name of a part at the end
  local size
  for size in $minutes; do "$@" train-"$size"; done
  "$@" words
}

frames_of() { # frames_of KIND PART: the folder of its frames
  case $2 in train-*) echo $exp/frames/"$1"/train ;; *) echo $exp/frames/"$1"/held ;; esac
}

nearest() { segment "$1" "$(frames_of "${1%%-*}" "$2")" "$2" --solver nearest; }
priced() { segment "$1" "$(frames_of "${1%%-*}" "$2")" "$2" --switch-cost "$price"; }

spotted() { # spotted UNITS MINUTES MODEL: exp/lm_built_in/spot/UNITS/MINUTES/MODEL.json
  local lm=$exp/spot-models/"$1-$2-$3" train=$exp/units/"$1"/train-"$2" words=$exp/units/"$1"/words options=()
  if [ "$1" = phones ]; then train=$spoken/train-"$2".jsonl words=$spoken/words.jsonl options=(--tier phone); fi
  case $3 in
    bpe-ngram-*) unitdisc lm-train ngram "$train" "$lm" "${options[@]}" --symbols bpe --set order="${3##*-}" ;;
    ngram-*) unitdisc lm-train ngram "$train" "$lm" "${options[@]}" --set order="${3##*-}" ;;
    *) unitdisc lm-train "$3" "$train" "$lm" "${options[@]}" --set dim=128 --set layers=2 --set steps="$steps" \
         --set valid_every=100 --set checkpoint_every=100 --device cpu ;;
  esac
  mkdir -p $spot/"$1"/"$2"
  unitdisc lm-score "$lm" "$words" "${options[@]}" --pairs $spoken/pairs.tsv --output $spot/"$1"/"$2"/"$3".json
}

if stage "running text, and words against pseudo-words, in voices apart"; then
  # shellcheck disable=SC2086
  python data_prep/spoken_text.py $spoken --language "${LANGUAGE:-en}" --train-minutes "${minutes##* }" --test-minutes 20 --beginnings "$fit" $minutes
  python data_prep/spot_the_word.py $spoken --words 300
  cat $spoken/test.jsonl $spoken/words.jsonl > $spoken/held.jsonl
fi
if stage "frames and units"; then # what is learnt is of the first minutes (classical) or all, and nothing of the words
  unitdisc features $spoken/train.jsonl $exp/frames/vtln/train --vtln 7
  unitdisc features $spoken/held.jsonl $exp/frames/vtln/held --vtln 7 --like $exp/frames/vtln/train
  unitdisc normalise $exp/frames/vtln/train $spoken/train-"$fit".jsonl $exp/frames/classical/fit --steps classical
  for part in train held; do
    unitdisc features $spoken/$part.jsonl $exp/frames/plain/$part
    unitdisc normalise $exp/frames/vtln/$part $spoken/$part.jsonl $exp/frames/classical/$part --like $exp/frames/classical/fit
  done
  unitdisc normalise $exp/frames/plain/train $spoken/train.jsonl $exp/frames/mfcc/train --steps standardise:speaker
  unitdisc normalise $exp/frames/plain/held $spoken/held.jsonl $exp/frames/mfcc/held --like $exp/frames/mfcc/train
  unitdisc kmeans $exp/frames/mfcc/train $exp/codes/mfcc-50.npy --codes 50 --corpus $spoken/train-"${minutes%% *}".jsonl
  unitdisc kmeans $exp/frames/classical/fit $exp/codes/classical-50.npy --codes 50
  for name in mfcc-50 classical-50; do each_part nearest $name; done
  unitdisc segment $exp/frames/classical/train $spoken/train-"${minutes%% *}".jsonl $exp/units/price \
    --codebook $exp/codes/classical-50.npy --units-per-second 12
  price=$(python -c "import json, sys; print(json.load(open(sys.argv[1]))['segmentation']['switch_cost'])" \
    $exp/units/price/units/summary.json)
  each_part priced classical-50-seg
fi
if stage "words against pseudo-words, on units, in voices apart"; then
  for unit in $units; do
    for size in $minutes; do
      for model in $models; do spotted "$unit" "$size" "$model"; done
    done
  done
  python eval/language_models.py spot $spot
fi
if stage "the same pairs as a task of ZeroSpeech 2021"; then
  unitdisc lm-score $exp/spot-models/phones-"${minutes%% *}"-ngram-5 $spoken/words.jsonl --tier phone \
    --utterances $exp/zerospeech/bits.jsonl
  python eval/zerospeech2021_language.py write $exp/zerospeech/submission lexical dev $exp/zerospeech/bits.jsonl --data $spoken
  python eval/zerospeech2021_language.py check $exp/zerospeech/submission $spoken
  python eval/zerospeech2021_language.py score $exp/zerospeech/submission $spoken --output $exp/zerospeech/scores
fi
