# Sourced by every run.sh: strict mode, and stages that can be entered and left anywhere.
#   ./run.sh                            all stages
#   ./run.sh --stage 2                  stages 2 and after
#   ./run.sh --stage 2 --stop-stage 2   stage 2 alone
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[1]}")/../.."

first_stage=1 last_stage=99 this_stage=0  # names that no recipe has a use for
while [ $# -gt 0 ]; do
  case $1 in
    --stage) first_stage=${2:?--stage needs a number} ;;
    --stop-stage) last_stage=${2:?--stop-stage needs a number} ;;
    *) echo "$0: unknown option $1; the options are --stage N and --stop-stage N" >&2; exit 2 ;;
  esac
  case $2 in *[!0-9]*) echo "$0: $1 needs a number, not $2" >&2; exit 2 ;; esac
  shift 2
done

stage() { # stage TITLE: true when this stage is to run
  this_stage=$((this_stage + 1))
  if [ "$this_stage" -lt "$first_stage" ] || [ "$this_stage" -gt "$last_stage" ]; then return 1; fi
  echo "== $this_stage. $1"
}

each_corpus() { # each_corpus COMMAND: run it for every corpus of $corpora that is there, with its name as argument
  local corpus
  for corpus in $corpora; do
    if [ -d data/"$corpus" ]; then "$@" "$corpus"; fi
  done
}

prepare_corpora() { # prepare_corpora RAW: those of $corpora, speechocean762 from the folder RAW
  local corpus
  for corpus in $corpora; do
    case $corpus in
      mini_speech) python data_prep/mini_speech.py data/mini_speech ;;
      mini_speech-*) python data_prep/mini_speech.py data/"$corpus" --language "${corpus#mini_speech-}" --train-minutes 12 ;;
    esac
  done
  case $corpora in *speechocean762*)
    if [ -d "$1" ]; then
      python data_prep/speechocean762.py "$1" data/speechocean762
    else
      echo "no $1: speechocean762 is left out; set UNITDISC_DATA to the folder of corpora"
    fi ;;
  esac
}
