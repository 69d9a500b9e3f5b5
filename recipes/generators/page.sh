#!/usr/bin/env bash
# All models of whole items on one page, for characters and for spoken words: autoencoders, VAEs under several decoders,
# adversaries; what they make, what lies between two items, bits, distances to real items, clusters, and processor time.
# Written digits of MNIST and spoken ones of the Free Spoken Digit Dataset, of 60 people and of two men nothing learned.
# Below them other jobs of such models, by other recipes in fewer steps: lines made whole, in other hands, and drawn of their
# units; utterances in other voices, and made heard; faults found; small changes that turn units.
# Needs UNITDISC_DATA; an hour of one core, 78 minutes of busy ones. The page is exp/page/index.html.
#   SIGNALS="characters words"  which
#   JOBS="restoration conversion voices vocoder decoders outliers changes"  which
#   FEWER=8  an eighth of all steps of training, to see that it runs
source "$(dirname "$0")/../shared.sh"

raw=${UNITDISC_DATA:-../shared/data}
signals=${SIGNALS-characters words}
jobs=${JOBS-restoration conversion voices vocoder decoders outliers changes}
fewer=${FEWER:-1}
number=800 # of items that are made and judged
exp=exp/page
corpora=data/page
declare -A decoders=( # of VAEs: the name of a model, and its kind of decoder
  [characters]="vae=deconv vae-pixelcnn=pixelcnn vae-flow=flow-columns vae-diffusion=diffusion-columns"
  [words]="vae=frames vae-flow=flow vae-diffusion=diffusion"
)
declare -A tiers=([characters]=character [words]=word) sets=([characters]=characters-writer [words]=words-speaker)
declare -A labels=(
  [characters]="0 1 2 3 4 5 6 7 8 9"
  [words]="zero one two three four five six seven eight nine"
)
adversaries="gan style infogan bigan"
declare -A encoders=( # whose latents of real items are looked at
  [characters]="autoencoder sparse denoising vae adversarial infogan bigan"
  [words]="autoencoder vae adversarial infogan bigan"
)

of_signal() { # of_signal SIGNAL: options that say how items are read
  case $1 in
    words) printf -- '--set features.%s\n' kind=bounded-log-mel rate=8000 hop=160 bins=32 ;;
    characters) echo "--set features.polarity=dark" ;;
  esac
}

timed() { # timed FILE COMMAND...: what it took of the processor, in seconds, into the file, once it is done
  local file=$1 TIMEFORMAT=%U
  shift
  mkdir -p "$(dirname "$file")"
  if [ -s "$file" ]; then "$@"; return; fi # done before, and so next to nothing now
  { time "$@" 2>&3; } 3>&2 2> "$file.begun"
  mv "$file.begun" "$file"
}

train() { # train SIGNAL NAME PRESET CORPUS STEPS OPTIONS...
  local signal=$1 name=$2 preset=$3 corpus=${4/#own/${sets[$1]}} steps=$(($5 / fewer))
  shift 5
  # shellcheck disable=SC2046  # options are words
  timed $exp/"$signal"/seconds/"$name" unitdisc train "$preset" $corpora/"$corpus".jsonl $exp/"$signal"/"$name" --trust \
    $(of_signal "$signal") --set training.steps="$steps" "$@"
}

autoencoder() { # autoencoder SIGNAL NAME CORPUS STEPS OPTIONS...
  local signal=$1 name=$2 corpus=$3 steps=$4 some=()
  shift 4
  case $signal in words) some=(--set target.bins=32) ;; esac
  train "$signal" "$name" vae-characters "$corpus" "$steps" \
    --set training.halve_at="[$((steps * 6 / 10 / fewer)), $((steps * 8 / 10 / fewer))]" "${some[@]}" "$@"
}

adversary() { # adversary SIGNAL KIND
  local styles=(--set objective.generator=style --set training.learning_rate=2e-4) # a step takes a third longer
  local reads=(--set encoder.kind=conv2d --set "encoder.channels=[8, 16, 32, 64]" --set encoder.stride=4)
  case $1-$2 in
    words-gan) train "$1" gan gan-speech own/train 1600 ;;
    words-style) train "$1" style gan-speech own/train 1200 "${styles[@]}" ;;
    characters-style) train "$1" style gan-handwriting own/train 1200 "${styles[@]}" ;;
    words-infogan) train "$1" infogan gan-speech own/train 1600 "${reads[@]}" --set encoder.norm=none \
      --set objective.kind=infogan --set bottleneck.kind=global-linear --set bottleneck.dim=0 --set bottleneck.categories=10 ;;
    words-bigan) train "$1" bigan gan-speech own/train 1600 "${reads[@]}" --set encoder.norm=layer \
      --set objective.kind=bigan --set bottleneck.kind=global-linear --set bottleneck.dim=16 ;;
    *) train "$1" "$2" "$2"-handwriting own/train 1600 ;;
  esac
}

train_all() { # train_all SIGNAL
  local signal=$1 pair first
  first=${decoders[$signal]%% *}
  for pair in ${decoders[$signal]}; do
    case ${pair#*=} in
      deconv) autoencoder "$signal" "${pair%=*}" own/train 900 --set decoder.kind=deconv ;;
      frames) autoencoder "$signal" "${pair%=*}" own/train 600 --set decoder.kind=frames --set decoder.channels=64 ;;
      pixelcnn) autoencoder "$signal" "${pair%=*}" own/train 400 --set decoder.kind=pixelcnn --set decoder.channels=16 \
        --set decoder.layers=4 --set decoder.first_kernel=5 --set decoder.history_dropout=0.6 ;;
      *) autoencoder "$signal" "${pair%=*}" own/train 300 --set decoder.kind="${pair#*=}" ;;
    esac
  done
  autoencoder "$signal" vae-prior own/train "$([ "${first#*=}" = deconv ] && echo 900 || echo 600)" \
    --set decoder.kind="${first#*=}" --set decoder.channels=64 --set bottleneck.prior_couplings=6
  autoencoder "$signal" autoencoder own/train 600 --set decoder.kind="${first#*=}" --set bottleneck.kind=global-linear
  case $signal in
    characters) # what else there was before
      autoencoder "$signal" plane own/train 600 --set decoder.kind="${first#*=}" --set bottleneck.dim=2
      autoencoder "$signal" sparse own/train 600 --set decoder.kind="${first#*=}" --set bottleneck.kind=sparse \
        --set bottleneck.dim=64 --set bottleneck.active=4
      autoencoder "$signal" denoising own/train 600 --set decoder.kind="${first#*=}" --set bottleneck.kind=denoising \
        --set bottleneck.dim=16 --set encoder.norm=layer # without norms its sigmoid says the same of all
      ;;
  esac
  autoencoder "$signal" adversarial own/train 600 --set decoder.kind="${first#*=}" --set bottleneck.kind=global-linear \
    --set bottleneck.dim=8 --set bottleneck.categories=16 --set objective.kind=adversarial-autoencoder
  autoencoder "$signal" conditional "$signal-label/train" 600 --set decoder.kind="${first#*=}" --set bottleneck.speaker=true \
    --set bottleneck.dim=6
  for kind in $adversaries; do adversary "$signal" $kind; done
}

if stage "corpora"; then
  for signal in $signals; do
    case $signal in
      characters)
        for speaker in writer label; do
          python data_prep/mnist_writers.py "$raw"/mnist10k_writers $corpora/characters-$speaker --layout single \
            --test-writers 60 --speaker $speaker
        done ;;
      words)
        for speaker in speaker label; do
          python data_prep/free_spoken_digits.py "$raw"/fsdd $corpora/words-$speaker --isolated --longest 0.64 \
            --test-speakers 2 --speaker $speaker
        done ;;
    esac
  done
fi
for signal in $signals; do
  data=$corpora/${sets[$signal]} here=$exp/$signal tier=${tiers[$signal]}
  autoencoders="autoencoder adversarial conditional vae-prior" as_read=()
  for pair in ${decoders[$signal]}; do autoencoders+=" ${pair%=*}"; done
  case $signal in characters) autoencoders+=" sparse denoising" ;; esac
  case $signal in words) as_read=(--spectrograms 8000 160 32) ;; esac

  if stage "$signal: an encoder that judges, of true labels"; then
    case $signal in words) every=(--rate 25) ;; characters) every=(--columns 2) ;; esac
    python eval/labels_as_codes.py $data/train.jsonl $here/labels --tier $tier "${every[@]}"
    train $signal judge small-handwriting own/train 600 --set objective.kind=classify --set "codes.folders=[\"$here/labels\"]" \
      --set codes.num_codes=11 --set "encoder.channels=[16, 32, 64, 128]" --set bottleneck.kind=linear \
      --set bottleneck.dim=64 --set training.crop=0 --set training.batch_size=64 \
      --set "training.halve_at=[$((400 / fewer))]" --set training.average_decay=0.99
  fi
  if stage "$signal: train"; then
    train_all $signal
  fi
  if stage "$signal: bits"; then
    for kind in $autoencoders; do
      case $kind in
        vae-diffusion) # whose every draw takes long
          unitdisc likelihood $here/$kind $data/test.jsonl --limit 150 --importance 1 --output $here/bits/$kind.json
          ;;
        vae*) unitdisc likelihood $here/$kind $data/test.jsonl --limit 150 --importance 1,8 --output $here/bits/$kind.json ;;
        autoencoder | sparse | denoising) unitdisc likelihood $here/$kind $data/test.jsonl --limit 150 --output $here/bits/$kind.json ;;
      esac
    done
  fi
  if stage "$signal: new items"; then
    timed $here/seconds/mixture python eval/pixel_mixture.py $data/train.jsonl $here/made/mixture --number $number \
      "${as_read[@]}"
    case $signal in characters) unitdisc generate $here/plane $here/made-plane --plane 12 ;; esac
    for kind in $autoencoders $adversaries; do
      told=() drawn=() each=$number
      case $kind in
        autoencoder | sparse | denoising) continue ;; # their latents follow nothing that could be drawn from
        vae-pixelcnn | vae-flow | vae-diffusion) drawn=(--temperature 1) ;; # the likeliest of all is next to blank
        adversarial) each=$((number / 16)) ;;
        infogan) each=$((number / 10)) ;;
        conditional)
          each=$((number / 10))
          for label in ${labels[$signal]}; do told+=(--speaker "$label"); done ;;
      esac
      unitdisc generate $here/$kind $here/made/$kind --number $each "${told[@]}" "${drawn[@]}" --sheet-size 10
    done
  fi
  if stage "$signal: judge"; then
    manifests=($data/train.jsonl $data/test.jsonl) frames=($here/frames/train/bottleneck $here/frames/test/bottleneck)
    for split in train test; do unitdisc encode $here/judge $data/$split.jsonl $here/frames/$split --at bottleneck; done
    for made in $here/made/*; do
      unitdisc encode $here/judge "$made"/corpus.jsonl $here/frames/"$(basename "$made")" --at bottleneck
      manifests+=("$made"/corpus.jsonl) frames+=($here/frames/"$(basename "$made")"/bottleneck)
    done
    python eval/generated.py "${manifests[@]}" --encodings "${frames[@]}" "${as_read[@]}" --tier $tier \
      --output $here/made.json --picture $here/nearest.png
  fi
  if stage "$signal: clusters"; then
    awk 'NR % 3 == 1' $data/train.jsonl > $data/some.jsonl
    for kind in ${encoders[$signal]}; do
      unitdisc encode $here/$kind $data/some.jsonl $here/clusters/$kind/train --at bottleneck
      unitdisc encode $here/$kind $data/test.jsonl $here/clusters/$kind/test --at bottleneck
    done
    for split in some test; do
      case $signal in
        characters) read=(--kind columns) ;;
        words) read=(--kind bounded-log-mel --rate 8000 --hop 160 --bins 32) ;;
      esac
      unitdisc features $data/$split.jsonl $here/clusters/k-means/${split/some/train} "${read[@]}"
    done
    python eval/item_clusters.py $data/some.jsonl $data/test.jsonl $here/clusters/* --tier $tier --clusters 10 \
      --components 16 --prior $here/clusters/{vae,adversarial} --output $here/clusters.json
    for kind in k-means autoencoder vae bigan; do
      found=$here/clusters/$kind/test
      case $kind in k-means) ;; *) found+=/bottleneck ;; esac
      unitdisc abx "$found" $data/test.jsonl --tier $tier --context any --max-size-group 5 --max-x-across 3 \
        --output $here/abx/$kind.json
    done
  fi
  if stage "$signal: what lies between"; then
    for kind in autoencoder vae; do
      unitdisc morph $here/$kind $data/test.jsonl $here/between/$kind --pairs 60 --tier $tier --seed 1 --judge $here/vae
      unitdisc morph $here/$kind $data/test.jsonl $here/shown/$kind --pairs 6 --tier $tier --seed 1 --judge $here/vae
    done
  fi
done
export FEWER=$((fewer * 2)) # of the recipes that follow
recipe() { # recipe JOB COMMAND...
  local job=$1
  shift
  case " $jobs " in *" $job "*) EXP=$exp/jobs/$job timed $exp/jobs/seconds/"$job" "$@" ;; esac
}
changes() { # units of lines, under changes that are meant to turn them, of models that were trained on such and on none
  local steps=$((500 / FEWER)) share changed
  python data_prep/mini_handwriting.py data/mini_handwriting
  for share in 0.0 0.1; do
    case $share in 0.0) changed="on none" ;; *) changed="on such changes" ;; esac
    unitdisc train small-handwriting data/mini_handwriting/train.jsonl "$EXP/$changed" --set "training.steps=$steps" \
      --set "training.halve_at=[$((steps * 3 / 5)), $((steps * 4 / 5))]" \
      --set "bottleneck.warmup_steps=$((steps * 3 / 10))" --set training.adversarial=$share
    unitdisc robustness "$EXP/$changed" data/mini_handwriting/test.jsonl --limit 30 --output "$EXP/$changed.json"
  done
}
if stage "damaged lines made whole"; then
  recipe restoration recipes/restoration/run.sh --stop-stage 7
fi
case " $jobs " in *" restoration "*) export READER=$exp/jobs/restoration/reader ;; esac
if stage "lines in other hands"; then
  LINES_BY=learned/test recipe conversion recipes/conversion/run.sh --stop-stage 5
fi
if stage "utterances in other voices"; then
  PARTS=digits KINDS="shifted convert" recipe voices recipes/conversion/voices.sh
fi
if stage "recordings made heard"; then
  PARTS=digits KINDS="spectra wavenet flow-wave" MINUTES=2 recipe vocoder recipes/generators/vocoder.sh
fi
if stage "lines drawn of their units"; then # which need all of their steps, and a reader of lines as they are drawn
  READER="" FEWER=$fewer SIGNALS=handwriting KINDS="columns diffusion-columns" STEPS="1 5 20" ROUNDS=1 \
    recipe decoders recipes/generators/run.sh
fi
if stage "faults found"; then
  SETS=lines STEPS=$((600 / FEWER)) recipe outliers recipes/outliers/run.sh
fi
if stage "changes that are meant to turn units"; then
  recipe changes changes
fi
if stage "the page"; then
  python eval/generators_page.py $exp
fi
