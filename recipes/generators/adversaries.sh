#!/usr/bin/env bash
# Characters out of noise: generators and critics of single digits, judged beside a mixture of Gaussians of pixels and a
# VAE, by an encoder that learned the true labels; codes and latents that are read back, on hands that nobody learned from.
# Needs UNITDISC_DATA; some twenty minutes of one core.
#   KINDS="gan told infogan bigan"  which; also hinge, wasserstein and style
#   FEWER=8  an eighth of all steps of training, to see that it runs
source "$(dirname "$0")/../shared.sh"

raw=${UNITDISC_DATA:-../shared/data}/mnist10k_writers
fewer=${FEWER:-1}
number=2000 # of items that are made and judged
data=data/mnist_single
exp=exp/adversaries
kinds=${KINDS:-gan told infogan bigan}

train() { # train KIND
  local preset=gan-handwriting options=() steps=2000
  case $1 in
    infogan | bigan) preset=$1-handwriting ;;
    hinge) options=(--set objective.loss=hinge) ;;
    wasserstein) options=(--set objective.loss=wasserstein --set objective.penalty=gradient --set objective.penalty_weight=10) ;;
    style) options=(--set objective.generator=style --set training.learning_rate=2e-4) steps=1500 ;; # as long as gan takes
    told) options=(--set objective.told=codes --set "codes.folders=[\"$exp/labels\"]" --set codes.num_codes=10) ;;
  esac
  unitdisc train $preset $data/train.jsonl $exp/"$1" --set "training.steps=$((steps / fewer))" "${options[@]}"
}

if stage "adversaries: single digits, 60 writers held out"; then
  python data_prep/mnist_writers.py "$raw" $data --layout single --test-writers 60
  python eval/labels_as_codes.py $data/train.jsonl $exp/labels --tier character --columns 2
fi
if stage "adversaries: an encoder that judges"; then
  unitdisc train small-handwriting $data/train.jsonl $exp/judge --set features.polarity=dark --set objective.kind=classify \
    --set "codes.folders=[\"$exp/labels\"]" --set codes.num_codes=10 --set "encoder.channels=[16, 32, 64, 128]" \
    --set bottleneck.kind=linear --set bottleneck.dim=64 --set training.crop=0 --set training.batch_size=64 \
    --set "training.steps=$((600 / fewer))" --set "training.halve_at=[$((400 / fewer))]" --set training.average_decay=0.99
fi
if stage "adversaries: train"; then
  for kind in $kinds; do
    time train "$kind"
  done
  time unitdisc train vae-characters $data/train.jsonl $exp/vae \
    --set "training.steps=$((1500 / fewer))" --set "training.halve_at=[$((900 / fewer)), $((1200 / fewer))]"
fi
if stage "adversaries: make items"; then
  python eval/pixel_mixture.py $data/train.jsonl $exp/made/mixture --number $number
  unitdisc generate $exp/vae $exp/made/vae --number $number
  for kind in $kinds; do
    case $kind in told | infogan) each=$((number / 10)) ;; *) each=$number ;; esac
    unitdisc generate $exp/"$kind" $exp/made/"$kind" --number "$each"
    unitdisc generate $exp/"$kind" $exp/sheets/"$kind" --number 10
  done
fi
if stage "adversaries: judge"; then
  corpora=($data/train.jsonl $data/test.jsonl) frames=($exp/frames/train/bottleneck $exp/frames/test/bottleneck)
  for split in train test; do
    unitdisc encode $exp/judge $data/$split.jsonl $exp/frames/$split --at bottleneck
  done
  for kind in mixture vae $kinds; do
    unitdisc encode $exp/judge $exp/made/"$kind"/corpus.jsonl $exp/frames/"$kind" --at bottleneck
    corpora+=($exp/made/"$kind"/corpus.jsonl) frames+=($exp/frames/"$kind"/bottleneck)
  done
  python eval/generated.py "${corpora[@]}" --encodings "${frames[@]}" --output $exp/made.json --picture $exp/nearest.png
fi
if stage "adversaries: codes and latents of held-out hands"; then
  for split in train test; do
    for kind in infogan bigan; do
      unitdisc encode $exp/$kind $data/$split.jsonl $exp/latents/$kind-$split --at bottleneck
      mkdir -p $exp/latents/$kind
      ln -sfn ../$kind-$split/bottleneck $exp/latents/$kind/$split
    done
    unitdisc features $data/$split.jsonl $exp/latents/pixels/$split --kind columns
  done
  unitdisc score $exp/latents/infogan/test $data/test.jsonl --tier character
  python eval/item_clusters.py $data/train.jsonl $data/test.jsonl $exp/latents/{infogan,pixels} --clusters 10
  unitdisc encode $exp/bigan $exp/made/mixture/corpus.jsonl $exp/latents/bigan/mixture --at bottleneck
  python eval/generated.py $data/train.jsonl $data/test.jsonl $exp/made/mixture/corpus.jsonl \
    --encodings $exp/latents/bigan/{train,test,mixture/bottleneck} # the first line says what nearest neighbours are worth
fi
