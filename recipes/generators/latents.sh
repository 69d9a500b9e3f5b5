#!/usr/bin/env bash
# One latent for a whole item, of cut-out digits of MNIST in the hands of 237 people: a plain autoencoder, a VAE, a
# conditional VAE and an adversarial autoencoder, each trained for about a minute of one core. What lies between two digits;
# digits that nobody wrote, read by a probe that learned from real ones; clusters of the digits of 60 other people.
#   UNITDISC_DATA  the folder of corpora; STEPS=600  of training
source "$(dirname "$0")/../shared.sh"

raw=${UNITDISC_DATA:-../shared/data}/mnist10k_writers
steps=${STEPS:-600}
data=data/latents
exp=exp/latents

train() { # train NAME CORPUS STEPS OPTIONS...
  local name=$1 corpus=$2 steps=$3
  shift 3
  unitdisc train vae-characters $data/"$corpus"/train.jsonl $exp/"$name" --set training.steps="$steps" \
    --set training.halve_at="[$((steps * 6 / 10)), $((steps * 8 / 10))]" --set training.valid_every=200 "$@"
}

if stage "latents: corpora"; then
  python data_prep/mnist_writers.py "$raw" $data/digits --layout single --test-writers 60
  python data_prep/mnist_writers.py "$raw" $data/labelled --layout single --test-writers 60 --speaker label
  python data_prep/mnist_writers.py "$raw" $data/few --layout single --test-writers 60 --per-writer 13
fi
if stage "latents: train"; then
  plain=(--set bottleneck.kind=global-linear)
  time train vae digits "$steps"
  time train autoencoder digits "$steps" "${plain[@]}"
  time train conditional labelled "$steps" --set bottleneck.speaker=true --set bottleneck.dim=6
  time train plane digits "$steps" --set bottleneck.dim=2
  time train adversarial digits "$steps" "${plain[@]}" --set bottleneck.dim=8 --set bottleneck.categories=16 \
    --set objective.kind=adversarial-autoencoder
fi
if stage "latents: bits"; then
  unitdisc likelihood $exp/vae $data/digits/test.jsonl --limit 300 --importance 1,16
fi
if stage "latents: what lies between"; then
  unitdisc morph $exp/vae $data/digits/test.jsonl $exp/between/vae --pairs 60 --seed 1
  unitdisc morph $exp/autoencoder $data/digits/test.jsonl $exp/between/autoencoder --pairs 60 --seed 1 --judge $exp/vae
  unitdisc morph $exp/vae $data/digits/test.jsonl $exp/between/picture --pairs 8 --seed 1
fi
if stage "latents: new items"; then
  told=()
  for digit in 0 1 2 3 4 5 6 7 8 9; do told+=(--speaker $digit); done
  unitdisc draw-items $exp/conditional $exp/new/conditional --samples 20 "${told[@]}" --corpus $data/labelled/test.jsonl
  unitdisc draw-items $exp/vae $exp/new/vae --samples 64
  unitdisc draw-items $exp/plane $exp/new/plane --plane 12
  unitdisc draw-items $exp/adversarial $exp/new/adversarial --samples 12
fi
if stage "latents: clusters"; then
  for model in vae autoencoder adversarial; do
    unitdisc encode $exp/$model $data/few/train.jsonl $exp/clusters/$model/train --at bottleneck
    unitdisc encode $exp/$model $data/digits/test.jsonl $exp/clusters/$model/test --at bottleneck
  done
  unitdisc features $data/few/train.jsonl $exp/clusters/pixels/train --kind columns
  unitdisc features $data/digits/test.jsonl $exp/clusters/pixels/test --kind columns
  python eval/item_clusters.py $data/few/train.jsonl $data/digits/test.jsonl $exp/clusters/*
  python eval/item_clusters.py $data/few/train.jsonl $data/digits/test.jsonl $exp/clusters/adversarial \
    --prior $exp/clusters/adversarial --width 8
fi
