#!/usr/bin/env bash
# Utterances in another voice, learned without pairs: the built-in speech, 41 voices learned, utterances of 12 others
# converted to three of them; and real spoken digits, four men learned, digits of two others converted to two of them.
# Beside the mean and variance of the voice, spectrograms that are only made heard again, and conversion by units.
# Whose voice it is taken for, by whole utterances and frame by frame, and which phones, or words, a probe still tells.
# Some forty minutes of one core. The digits need UNITDISC_DATA.
#   PARTS="mini digits"  which
#   KINDS="convert shifted again units"  which; again: made heard again; units: of the built-in speech alone
#   EXP=exp/voices  where to
#   FEWER=8  an eighth of all steps, to see that it runs
source "$(dirname "$0")/../shared.sh"

parts=${PARTS:-mini digits}
kinds=${KINDS:-convert shifted again units}
fewer=${FEWER:-1}
raw=${UNITDISC_DATA:-../shared/data}/fsdd
root=${EXP:-exp/voices}
declare -A voices=([mini]="m1 f1 aunty" [digits]="jackson theo") rates=([mini]=16000 [digits]=8000)
declare -A tiers=([mini]=phone [digits]=word) hops=([mini]=160 [digits]=80)

train() { # train PART KIND
  local data=data/voices/$1 exp=$root/$1
  case $2 in
    convert)
      unitdisc train convert-speech "$data"/train.jsonl "$exp"/convert --set training.steps="$((1000 / fewer))" \
        --set features.rate="${rates[$1]}" --set features.hop="${hops[$1]}"
      ;;
    units) # of recipes/generators/vocoder.sh
      unitdisc train vocoder-small "$data"/train.jsonl "$exp"/units --set training.schedule=constant \
        --set training.average_decay=0.995 --set training.steps="$((600 / fewer))" --set features.kind=mfcc \
        --set features.normalise=speaker --set encoder.stride=2 --set encoder.context=2 --set bottleneck.kind=kmeans \
        --set bottleneck.num_codes=200 --set conditioner.speaker=one-hot --set objective.adversary=0 \
        --set objective.matching=0
      ;;
  esac
}

convert() { # convert PART KIND: EXP/PART/made/KIND/ID--VOICE.wav
  local data=data/voices/$1 exp=$root/$1 made=$root/$1/made/$2 told=() voice
  for voice in ${voices[$1]}; do told+=(--speaker "$voice"); done
  case $2 in
    convert)
      unitdisc convert "$exp"/convert "$data"/held.jsonl "$exp"/converted "${told[@]}"
      ln -sfn ../converted/recordings "$made" ;;
    shifted)
      python eval/shifted_voices.py "$data"/held.jsonl "$data"/train.jsonl "$made" --rate "${rates[$1]}" "${told[@]}" ;;
    again)
      python eval/shifted_voices.py "$data"/held.jsonl "$data"/train.jsonl "$made" --rate "${rates[$1]}" "${told[@]}" \
        --unchanged ;;
    units) unitdisc resynthesise "$exp"/units "$data"/held.jsonl "$made" "${told[@]}" > "$exp"/units.txt
      ;;
  esac
}

probe() { # probe PART MANIFEST NAME: who says a frame, and what
  local data=data/voices/$1 frames=$root/$1/frames task
  local read=(--kind log-mel --rate "${rates[$1]}" --hop "${hops[$1]}")
  unitdisc features "$data"/all.jsonl "$frames"/all "${read[@]}"
  unitdisc features "$2" "$frames"/"$3" "${read[@]}"
  for task in speaker-frames labels; do
    unitdisc probe "$frames"/"$3" "$2" --train-encodings "$frames"/all --train-corpus "$data"/all.jsonl --task $task \
      --tier "${tiers[$1]}" --known-speakers --reader mlp --context-frames 9 --no-controls \
      --output "$root"/"$1"/probes/"$3"-$task.json
  done
}

abx() { # abx PART KIND: of labels, A and B as they were and X in another voice, and the reverse
  local exp=$root/$1 read=(--kind mfcc --rate "${rates[$1]}" --hop "${hops[$1]}")
  unitdisc features "$exp"/"$2"-abx.jsonl "$exp"/frames/"$2"-abx "${read[@]}"
  unitdisc abx "$exp"/frames/"$2"-abx "$exp"/"$2"-abx.jsonl --tier "${tiers[$1]}" --context any --max-size-group 10 \
    --max-x-across 5 --output "$exp"/"$2"-abx.json
}

if stage "voices: corpora, of which every other test utterance is held out, and the rest tells whose voice is whose"; then
  for part in $parts; do
    case $part in
      mini) python data_prep/mini_speech.py data/voices/mini ;;
      digits) python data_prep/free_spoken_digits.py "$raw" data/voices/digits --test-speakers 2 ;;
    esac
    case $part in mini) side=1 ;; *) side=0 ;; esac # even ones of the built-in speech were seen when weights were chosen
    awk -v side=$side 'NR % 2 != side' data/voices/"$part"/test.jsonl > data/voices/"$part"/known.jsonl
    awk -v side=$side 'NR % 2 == side' data/voices/"$part"/test.jsonl > data/voices/"$part"/held.jsonl
    cat data/voices/"$part"/{train,known}.jsonl > data/voices/"$part"/all.jsonl
  done
fi
for part in $parts; do
  exp=$root/$part data=data/voices/$part
  own=$kinds
  case $part in digits) own=${kinds/units/} ;; esac
  if stage "voices, $part: train"; then
    for kind in $own; do
      case $kind in convert | units) time train "$part" "$kind" ;; esac
    done
  fi
  if stage "voices, $part: convert"; then
    mkdir -p "$exp"/made
    for kind in $own; do convert "$part" "$kind"; done
  fi
  if stage "voices, $part: judge"; then
    mkdir -p "$exp"/probes
    probe "$part" $data/held.jsonl held
    for kind in $own; do
      echo "== $part: $kind"
      python eval/other_voices.py $data/held.jsonl "$exp"/made/"$kind" "$exp"/"$kind".jsonl --train $data/all.jsonl \
        --abx "$exp"/"$kind"-abx.jsonl --output "$exp"/"$kind".json
      probe "$part" "$exp"/"$kind".jsonl "$kind"
      abx "$part" "$kind"
    done
  fi
done
