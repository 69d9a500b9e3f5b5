#!/usr/bin/env bash
# Which frames, and which units made of them, are worth having? Plain features, classical modelling, autoencoders and
# networks that learn by prediction, at equal speech, scored on speakers nobody learned from. About two hours of one core
# for one seed; SYSTEMS and SEEDS choose less or more, DATA another corpus with train.jsonl and test.jsonl.
source "$(dirname "$0")/../shared.sh"

raw=${UNITDISC_DATA:-../shared/data}/so762_dev
data=${DATA:-data/speechocean762}
exp=${EXP:-exp/speechocean762/compared}
conf=recipes/speechocean762/conf
systems=${SYSTEMS:-mfcc mfcc-speaker affine gmm classical vq piecewise-vq cpc acpc swap distil masked masked-classical}
seeds=${SEEDS:-0}

costs() { # costs NAME COMMAND ...: runs a command and notes the seconds of processors that it took
  local before name=$1
  shift
  before=$(seconds)
  "$@"
  seconds | awk -v before="$before" '{ print $1 - before }' >>"$exp/scores/$name.seconds"
}

seconds() { # of processors, that all commands took so far
  times >"$exp/times"
  awk 'NR == 2 { split($1, user, /[ms]/); split($2, system, /[ms]/)
    print 60 * (user[1] + system[1]) + user[2] + system[2] }' "$exp/times"
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
      --set training.seed="$seed" "${@/#/--set=}"
    for part in train test; do
      costs "$run" unitdisc encode "$exp/models/$run" $data/$part.jsonl "$exp/encodings/$run/$part" --point "$point"
      mkdir -p "$exp/frames/$run"
      ln -sfn "../../encodings/$run/$part/$point" "$exp/frames/$run/$part"
    done
    scored "$run"
  done
}

scored() { # scored NAME: ABX, probes, and units of 100 codes at 8 and 12 a second, named by the train set
  local frames=$exp/frames/$1 scores=$exp/scores/$1 units rate
  unitdisc abx "$frames/test" $data/test.jsonl --context any --max-size-group 10 --max-x-across 3 --output "$scores.any.json"
  unitdisc abx "$frames/test" $data/test.jsonl --output "$scores.triphone.json"
  unitdisc probe "$frames/test" $data/test.jsonl --task labels --task speaker --no-controls --output "$scores.probe.json"
  unitdisc kmeans "$frames/train" "$scores.npy" --codes 100
  for rate in 8 12; do
    units=$exp/units/$1-$rate
    for part in train test; do
      unitdisc segment "$frames/$part" $data/$part.jsonl "$units/$part" --codebook "$scores.npy" --units-per-second $rate
    done
    unitdisc score "$units/test" $data/test.jsonl --learn-encodings "$units/train" --learn-corpus $data/train.jsonl \
      --output "$scores.units-$rate.json"
  done
}

wanted() { # wanted NAME TITLE: true when the stage is to run, and the system was chosen
  stage "$2" && case " $systems " in *" $1 "*) true ;; *) false ;; esac
}
