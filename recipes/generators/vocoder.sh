#!/usr/bin/env bash
# Vocoders: log-mel frames back to sound, by spectra alone and with critics, beside Griffin-Lim and a WaveNet that learned
# as long; and units back to sound in the voices of the built-in corpus. Judged by a probe of phones that learned from the
# real recordings of the same train set. Spoken digits at 8 kHz, of two speakers that were not learned from: a flow of
# waveforms beside a WaveNet, by bits, and beside the spectra. VCTK's large speaker and digits need UNITDISC_DATA; some half an hour of one core.
#   PARTS="vctk mini digits"  which corpora
#   KINDS="spectra critics units wavenet flow-wave"  which; units are of the built-in corpus, critics of VCTK, flow-wave
#                          of digits, wavenet of both of these, spectra of all
#   MINUTES="2 5"          of training; also 15, which like wavenet was not measured
#   EXP=exp/vocoder        where to
#   FEWER=8                an eighth of all steps of training, to see that it runs
source "$(dirname "$0")/../shared.sh"

raw=${UNITDISC_DATA:-../shared/data}
root=${EXP:-exp/vocoder}
parts=${PARTS:-vctk mini digits}
kinds=${KINDS:-spectra critics units wavenet flow-wave}
minutes=${MINUTES:-2 5}
fewer=${FEWER:-1}
limit=40 # utterances that are made again

steps() { # steps CORPUS KIND MINUTES: of training that take so long
  case $1-$2-$3 in
    digits-wavenet-*) echo $((1000 * $3 / fewer)) ;;
    digits-flow-wave-*) echo $((550 * $3 / fewer)) ;;
    *-spectra-2 | *-critics-2 | *-units-2) echo $((600 / fewer)) ;;
    *-critics-5) echo $((900 / fewer)) ;;
    *-spectra-5 | *-units-5) echo $((1200 / fewer)) ;;
    *-critics-15) echo $((2100 / fewer)) ;;
    *-spectra-15 | *-units-15) echo $((4500 / fewer)) ;;
    *-wavenet-*) echo $((40 * $3 / fewer)) ;;
    *) echo "$0: no $2 of $3 minutes for $1" >&2; exit 2 ;;
  esac
}

options() { # options CORPUS KIND: what a kind changes of the preset; critics begin after two minutes
  case $1 in
    digits) echo "features.rate=8000 features.hop=80" ;;
  esac
  case $1-$2 in
    digits-wavenet) echo "objective.kind=reconstruction decoder.kind=wavenet decoder.channels=32 training.crop=16" \
      "decoder.skip_channels=64 decoder.layers=9 decoder.cycle=9 training.batch_size=4" \
      "training.learning_rate=4e-3" ;;
    digits-flow-wave) echo "objective.kind=reconstruction decoder.kind=flow-wave decoder.channels=32 training.crop=16" \
      "training.batch_size=8" ;;
    *-spectra) echo "objective.adversary=0 objective.matching=0" ;;
    *-critics) echo "objective.adversary_from=$((600 / fewer))" ;;
    *-wavenet) echo "objective.kind=reconstruction decoder.kind=wavenet decoder.channels=64 decoder.skip_channels=128" \
      "training.crop=16 training.batch_size=8" ;;
    *-units) echo "features.kind=mfcc features.normalise=speaker encoder.stride=2 encoder.context=2 bottleneck.kind=kmeans" \
      "bottleneck.num_codes=200 conditioner.speaker=one-hot objective.adversary=0 objective.matching=0" ;;
  esac
}

learn() { # learn CORPUS KIND MINUTES: trains a kind, or goes on with it, and makes the test recordings again
  local set=()
  for option in $(options "$1" "$2"); do set+=(--set "$option"); done
  time unitdisc train vocoder-small data/"$1"/train.jsonl "$root"/"$1"/"$2" --set training.schedule=constant \
    --set training.average_decay=0.995 --set training.steps="$(steps "$1" "$2" "$3")" "${set[@]}"
  python benchmarks/vocoders.py data/"$1"/own.jsonl "$root"/"$1"/made/"$3" "$root"/"$1"/"$2" \
    --output "$root"/"$1"/speed/"$2-$3.json"
  case $2 in
    wavenet | flow-wave)
      unitdisc likelihood "$root"/"$1"/"$2" data/"$1"/own.jsonl --output "$root"/"$1"/bits/"$2-$3.json"
      ;;
  esac
}

probe() { # probe CORPUS MANIFEST NAME: phones of log-mel frames of these recordings, which are those of the test corpus
  local frames="$root"/"$1"/frames
  unitdisc features "$2" "$frames/$3" --kind log-mel
  unitdisc probe "$frames/$3" data/"$1"/own.jsonl --train-encodings "$frames"/train --train-corpus data/"$1"/train.jsonl \
    --task labels --known-speakers --reader mlp --context-frames 9 --no-controls --output "$frames/$3.json"
}

judge() { # judge CORPUS: the originals, and all that was made of it; digits have no tier of phones
  local exp=$root/$1 made name
  python eval/resyntheses.py data/"$1"/own.jsonl "$exp"/made/*/* --output "$exp"/made.json
  if [ "$1" = digits ]; then return; fi
  unitdisc features data/"$1"/train.jsonl "$exp"/frames/train --kind log-mel
  probe "$1" data/"$1"/own.jsonl real
  for made in "$exp"/made/*/*; do
    name=$(basename "$made")-$(basename "$(dirname "$made")")
    python eval/resyntheses.py data/"$1"/own.jsonl "$made" --corpus "$exp"/"$name".jsonl
    probe "$1" "$exp"/"$name".jsonl "$name"
  done
}

if stage "vocoders: corpora"; then
  for part in $parts; do
    case $part in
      vctk)
        python data_prep/vctk.py "$raw/vctk_mini" data/vctk
        grep -m $limit '"speaker": "p239"' data/vctk/test.jsonl > data/vctk/own.jsonl ;; # head would break the pipe
      mini)
        python data_prep/mini_speech.py data/mini
        head -n $limit data/mini/test.jsonl > data/mini/own.jsonl ;;
      digits)
        python data_prep/free_spoken_digits.py "$raw/fsdd" data/digits --test-speakers 2
        awk 'NR % 6 == 1' data/digits/test.jsonl > data/digits/own.jsonl ;; # of both speakers
    esac
  done
fi
if stage "vocoders: Griffin-Lim"; then
  for part in $parts; do
    python benchmarks/vocoders.py data/"$part"/own.jsonl "$root"/"$part"/made/0 griffin-lim \
      --output "$root"/"$part"/speed/griffin-lim-0.json
  done
fi
if stage "vocoders: train, and make the test recordings again"; then
  for part in $parts; do
    for kind in $kinds; do
      case $part-$kind in
        mini-critics | mini-wavenet | vctk-units | vctk-flow-wave | mini-flow-wave) continue ;;
        digits-wavenet | digits-flow-wave | digits-spectra) ;;
        digits-*) continue ;;
      esac
      for minute in $minutes; do learn "$part" "$kind" "$minute"; done
    done
  done
fi
if stage "vocoders: judge"; then
  for part in $parts; do judge "$part"; done
fi
