#!/usr/bin/env bash
# Questions about the parts of an autoencoder of speech, each with a table: how far must the encoder and the WaveNet see,
# does a penalty make units slow as time jitter does, and what do bottlenecks of as many bits keep of phones and
# speakers? 400 steps each, what the decoder is told (`condition`) is scored. Some two hours of one core; QUESTIONS
# chooses less, STEPS other steps, EXP where results go.
source "$(dirname "$0")/../shared.sh"

data=data/speechocean762
exp=${EXP:-exp/speechocean762/questions}
steps=${STEPS:-400}
questions=${QUESTIONS:-encoder wavenet slowness bottleneck}
export DATA=$data SCORES=frames
export SET="training.steps=$steps training.halve_at=[$((steps * 3 / 5)),$((steps * 4 / 5))]"

systems_of() { # systems_of QUESTION: the systems that answer it
  local wavenet=vq+decoder.kind=wavenet+decoder.channels=24+decoder.skip_channels=48+decoder.layers=10 bits
  wavenet+=+training.crop=16+training.batch_size=16
  case $1 in
    encoder) # 8, 16, 24, 32, 64 and 128 frames of 10 ms
      echo vq+encoder.kernel={1,3,5,7,15,31} ;;
    wavenet) # 16, 63, 135, 259 and 1,024 samples: 1 to 64 ms, by as many weights
      echo $wavenet+decoder.cycle={2,5,7,8,10} ;;
    slowness)
      echo vq+jitter.probability={0,0.12,0.3,0.5} vq+jitter.probability=0+objective.slowness={0.1,1,10} ;;
    bottleneck) # 7 bits, 50 times a second; a VAE at as many, and at twice as many; and nothing
      for bits in kind=vq kind=gumbel kind=kmeans kind=gmm; do echo "vq+bottleneck.$bits+bottleneck.num_codes=128"; done
      echo vq+bottleneck.kind=gaussian+bottleneck.free_bits={7,14} vq+bottleneck.kind=linear ;;
    *) echo "$0: no question $1" >&2; exit 2 ;;
  esac
}

if stage "prepare the corpus" && [ ! -f $data/train.jsonl ]; then
  python data_prep/speechocean762.py "${UNITDISC_DATA:-../shared/data}"/so762_dev $data
fi
for question in $questions; do
  if stage "$question"; then
    SYSTEMS=$(systems_of "$question") EXP=$exp/$question recipes/speechocean762/compare.sh --stage 2 --stop-stage 2
  fi
done
if stage "tables"; then
  for question in $questions; do
    echo "== $question"
    python eval/compare_frames.py $exp/"$question"/scores
  done
fi
