#!/usr/bin/env bash
# Everything that benchmarks/ has to say of a GPU, cut off after ten minutes: benchmarks/results/*_gpu.{json,md}
#   benchmarks/gpu.sh                          training steps and samples of the decoders
#   benchmarks/gpu.sh data/mine/test.jsonl     and encoding, of recordings
# DEVICE=cpu QUICK=--quick RESULTS=FOLDER benchmarks/gpu.sh: whether all of it runs, without a GPU.
set -uo pipefail
cd "$(dirname "$0")/.."
device=${DEVICE:-cuda} results=${RESULTS:-benchmarks/results} python=${PYTHON:-python3} quick=${QUICK:-}
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}" TORCHINDUCTOR_FORCE_DISABLE_CACHES=1
mkdir -p "$results"
failed=

table() { # seconds that it may take, its name, and how it is made; training steps and samples keep what they came to
  local limit=$1 name=$2
  shift 2
  echo "$name" >&2
  timeout --signal INT --kill-after 20 "$limit" "$python" "$@" --device "$device" $quick \
    --output "$results/${name}_gpu.json" >"$results/${name}_gpu.md.tmp" || failed="$failed $name"
  if [ -s "$results/${name}_gpu.md.tmp" ]; then mv "$results/${name}_gpu.md.tmp" "$results/${name}_gpu.md"; fi
}

table 270 wavenet_training benchmarks/wavenet_training.py
table 90 wavenet_sampling benchmarks/wavenet_sampling.py --repetitions 3
table 150 pixelcnn_training benchmarks/pixelcnn_training.py --steps 7
if [ $# -gt 0 ]; then
  table 70 encoding benchmarks/encoding.py "$1" --threads 1 --limit 200 --repeat 2
fi
if [ -n "$failed" ]; then
  echo "not finished:$failed" >&2
  exit 1
fi
