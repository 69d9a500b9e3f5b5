#!/usr/bin/env bash
# Which frames, and which units made of them, are worth having? Plain features, classical modelling, autoencoders and
# networks that learn by prediction, at equal speech, scored on speakers nobody learned from. Some three hours of one
# core for one seed; SYSTEMS and SEEDS choose less or more, MORE=../shared/data/so762_more adds 178 speakers without labels to
# the train set (4.5 hours), DATA takes another corpus with train.jsonl and test.jsonl. EXP: where results go. SCORES=any: only
# ABX of any context, on the test speakers, and no `best`; SCORES=frames: probes, too, but no units. SET: changes of the
# configurations, as "training.steps=100"; of one system: SYSTEMS="vq vq+jitter.probability=0", told apart by what the
# decoder is told (`condition`).
# What the network of `masked` can do if it is told the phones of the train set: SYSTEMS="topline topline-alike".
source "$(dirname "$0")/../shared.sh"

raw=${UNITDISC_DATA:-../shared/data}/so762_dev
data=${DATA:-data/speechocean762${MORE:+-more}}
exp=${EXP:-exp/speechocean762/compared${MORE:+-more}}
conf=recipes/speechocean762/conf
systems=${SYSTEMS:-mfcc mfcc-speaker vtln affine gmm classical phone-loop phone-loop-alike vq piecewise-vq cpc acpc \
  wav2vec2 dinosr swap distil masked masked-augmented masked-adversary masked-alike best classical-templates best-templates}
seeds=${SEEDS:-0}
kinds=${SCORES:-all}
read -ra changes <<<"${SET:-}"

costs() { # costs NAME COMMAND ...: runs a command and notes the seconds of processors that it took
  local name=$1 before
  shift
  times >"$exp/times.$$" # of this shell and of all commands so far; in a subshell it would tell nothing
  before=$(seconds)
  "$@"
  times >"$exp/times.$$"
  seconds | awk -v before="$before" '{ print $1 - before }' >>"$exp/scores/$name.seconds"
}

seconds() { # of processors in the second line of `times`, such as 0m1.5s 0m0.2s
  awk 'NR == 2 { gsub("s", ""); split($1, u, "m"); split($2, k, "m"); print 60 * (u[1] + k[1]) + u[2] + k[2] }' "$exp/times.$$"
}

features() { # features NAME OPTIONS ...: plain features of both parts
  local name=$1
  shift
  for part in train test; do
    costs "$name" unitdisc features $data/$part.jsonl "$exp/frames/$name/$part" "$@"
  done
}

normalised() { # normalised NAME OF STEPS: frames of another system, changed as was learned of its train set
  costs "$1" unitdisc normalise "$exp/frames/$2/train" $data/train.jsonl "$exp/frames/$1/train" --steps "$3"
  costs "$1" unitdisc normalise "$exp/frames/$2/test" $data/test.jsonl "$exp/frames/$1/test" --like "$exp/frames/$1/train"
}

network() { # network NAME POINT [TABLE.KEY=VALUE ...]: trained for every seed; the frames of a probe point
  local name=$1 point=$2 seed run
  shift 2
  for seed in $seeds; do
    run=$name-seed$seed
    costs "$run" unitdisc train $conf/"${name%%+*}".toml $data/train.jsonl "$exp/models/$run" \
      --set training.seed="$seed" "${changes[@]/#/--set=}" "${@/#/--set=}"
    for part in train test; do
      [ $part-$kinds = test-$kinds ] || [ "$kinds" = all ] || continue
      costs "$run" unitdisc encode "$exp/models/$run" $data/$part.jsonl "$exp/encodings/$run/$part" --at "$point"
      mkdir -p "$exp/frames/$run"
      ln -sfn "../../encodings/$run/$part/$point" "$exp/frames/$run/$part"
    done
    scored "$run"
  done
}

changed() { # changed CONFIG+TABLE.KEY=VALUE...: a network with other options
  local options
  IFS=+ read -ra options <<<"$1"
  network "$1" condition "${options[@]:1}"
}

topline() { # topline NAME: a network that is told the true phones of the training speakers; not in the list by itself
  local phones=$exp/frames/phones/train
  python eval/labels_as_codes.py $data/train.jsonl "$phones"
  network "$1" encoder "codes.folders=[\"$phones\"]" codes.num_codes=40 # 39 phones and silence
}

best() { # of every seed: classical frames, and beside them what masked-alike predicts, and the frames of vq
  local seed run part vq like
  for seed in $seeds; do
    run=best-seed$seed vq=$exp/frames/vq-half-whitened-seed$seed
    cat "$exp/scores/"{classical,masked-alike-seed$seed,vq-seed$seed}.seconds >"$exp/scores/$run.seconds"
    for part in train test; do
      costs "$run" unitdisc encode "$exp/models/masked-alike-seed$seed" $data/$part.jsonl \
        "$exp/encodings/masked-alike-seed$seed/$part" --at prediction
      like=(--steps whiten:half,length:0.6)
      [ $part = train ] || like=(--like "$vq/train")
      costs "$run" unitdisc normalise "$exp/frames/vq-seed$seed/$part" $data/$part.jsonl "$vq/$part" "${like[@]}"
      costs "$run" unitdisc normalise "$exp/frames/classical/$part" $data/$part.jsonl "$exp/frames/$run/$part" \
        --steps smooth:1 --beside "$exp/encodings/masked-alike-seed$seed/$part/prediction" --beside "$vq/$part"
    done
    scored "$run"
  done
}

scored() { # scored NAME: ABX, probes, and units of 100 codes of k-means
  judged "$1"
  [ "$kinds" = all ] || return 0
  unitdisc kmeans "$exp/frames/$1/train" "$exp/scores/$1.npy" --codes 100
  units_of "$1" "$exp/frames/$1" --codebook "$exp/scores/$1.npy"
  cut_units_of "$1"
}

looped() { # looped NAME OF: a phone loop of the frames of another system; posteriors of its states, and its units
  local name=$1 frames=$exp/frames/$2 loop=$exp/models/$1.safetensors part
  [ -d "$frames/train" ] || each "$2"
  cp "$exp/scores/$2.seconds" "$exp/scores/$name.seconds"
  costs "$name" unitdisc phone-loop "$frames/train" "$loop" --units 100
  for part in train test; do
    costs "$name" unitdisc segment "$frames/$part" $data/$part.jsonl "$exp/frames/$name/$part" --phone-loop "$loop" \
      --posteriors states
  done
  judged "$name"
  units_of "$name" "$frames" --phone-loop "$loop"
}

templated() { # templated NAME OF: templates of the frames of another system, whose scores of frames they share; and units
  local name=$1 frames=$exp/frames/$2 templates=$exp/models/$1.safetensors kind
  for kind in any.json triphone.json probe.json seconds; do cp "$exp/scores/$2.$kind" "$exp/scores/$name.$kind"; done
  mkdir -p "$exp/models"
  costs "$name" unitdisc templates "$frames/train" $data/train.jsonl "$templates" --units 100
  units_of "$name" "$frames" --templates "$templates"
}

judged() { # judged NAME: ABX and probes of frames
  local frames=$exp/frames/$1 scores=$exp/scores/$1
  unitdisc abx "$frames/test" $data/test.jsonl --context any --max-size-group 10 --max-x-across 3 --output "$scores.any.json"
  [ "$kinds" != any ] || return 0
  unitdisc abx "$frames/test" $data/test.jsonl --output "$scores.triphone.json"
  unitdisc probe "$frames/test" $data/test.jsonl --task labels --task speaker --no-controls --output "$scores.probe.json"
}

units_of() { # units_of NAME FRAMES OPTIONS ...: units at 8 and 12 a second, named by the train set
  local name=$1 frames=$2 scores=$exp/scores/$1 units rate part
  shift 2
  for rate in 8 12; do
    units=$exp/units/$name-$rate
    for part in train test; do
      unitdisc segment "$frames/$part" $data/$part.jsonl "$units/$part" --units-per-second $rate "$@"
    done
    unitdisc score "$units/test" $data/test.jsonl --learn-encodings "$units/train" --learn-corpus $data/train.jsonl \
      --output "$scores.units-$rate.json"
  done
}

cut_units_of() { # cut_units_of NAME: 8 segments a second, cut where log-mel frames change, and named by the frames
  local name=$1 units=$exp/units/$1-cut part codes=(--codes 100)
  for part in train test; do
    if [ ! -d "$exp/units/cuts/$part" ]; then
      unitdisc features $data/$part.jsonl "$exp/frames/log-mel/$part" --kind log-mel
      unitdisc segment "$exp/frames/log-mel/$part" $data/$part.jsonl "$exp/units/cuts/$part" --method change \
        --units-per-second 8 --codes 500
    fi
    unitdisc segment "$exp/frames/$name/$part" $data/$part.jsonl "$units/$part" --boundaries "$exp/units/cuts/$part" \
      "${codes[@]}"
    codes=(--codebook "$units/train/units/codebook.npy")
  done
  unitdisc score "$units/test" $data/test.jsonl --learn-encodings "$units/train" --learn-corpus $data/train.jsonl \
    --output "$exp/scores/$name.cut-8.json"
}

each() { # each NAME: a system that was chosen
  case $1 in
    mfcc) features mfcc ;;
    mfcc-speaker) features mfcc-speaker --normalise speaker ;;
    vtln) warped vtln standardise ;;
    affine) warped affine standardise,affine ;;
    gmm) warped gmm standardise,posteriorgram ;;
    classical) warped classical classical ;;
    phone-loop) looped phone-loop mfcc-speaker ;;
    phone-loop-alike) looped phone-loop-alike affine ;;
    vq | piecewise-vq) network "$1" projection ;;
    best) best ;; # after classical, masked-alike and vq
    classical-templates) templated "$1" classical ;;
    best-templates) for seed in $seeds; do templated best-templates-seed"$seed" best-seed"$seed"; done ;;
    topline | topline-alike) topline "$1" ;;
    *+*) changed "$1" ;;
    *) network "$1" encoder ;;
  esac
  case $1 in mfcc | mfcc-speaker | vtln | affine | gmm | classical) scored "$1" ;; esac
}

warped() { # warped NAME STEPS: MFCC with vocal tracts of one length, and what steps make of them
  [ -d "$exp/frames/warped/train" ] || costs warped unitdisc features $data/train.jsonl "$exp/frames/warped/train" --vtln 7
  [ -d "$exp/frames/warped/test" ] || costs warped unitdisc features $data/test.jsonl "$exp/frames/warped/test" --vtln 7 \
    --like "$exp/frames/warped/train"
  cp "$exp/scores/warped.seconds" "$exp/scores/$1.seconds"
  normalised "$1" warped "$2"
}

if stage "prepare the corpus" && [ ! -f $data/train.jsonl ]; then
  python data_prep/speechocean762.py "$raw" $data ${MORE:+--more "$MORE"}
fi
if stage "frames and units of every system"; then
  mkdir -p "$exp/scores"
  for system in $systems; do each "$system"; done
fi
if stage "one table"; then
  python eval/compare_frames.py "$exp/scores"
fi
