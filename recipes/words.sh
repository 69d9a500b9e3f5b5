# Sourced by the recipes of words, after shared.sh. Corpora are data/NAME with train.jsonl and test.jsonl; frames, units,
# words and scores lie in $exp/NAME. Everything is found on test.jsonl; what is learned beforehand says of what.
speech=(--speech-tier phone) # only what lies between silences is cut, as ZeroSpeech gives voice activity
scoring=(--tier word)
systems=${SYSTEMS:-phones units classical templates cut loop frames truth}

corpus_rate() { # words a second of speech, and different words: as many as there are, for every method alike
  case $1 in
    mini_speech) rate=4.2 types=332 ;;
    mini_speech-fr) rate=4.7 types=334 ;;
    mini_speech-cmn) rate=2.5 types=284 ;;
    *) rate=2.8 types=478 ;;
  esac
}

wanted() { # wanted SYSTEM: whether it is among those asked for
  case " $systems " in *" $1 "*) ;; *) return 1 ;; esac
}

made() { # made CORPUS: frames and units of what is asked for
  local data=data/$1 out=$exp/$1 like=() part
  unitdisc features "$data"/test.jsonl "$out"/mfcc --normalise speaker
  unitdisc features "$data"/test.jsonl "$out"/log-mel/test --kind log-mel
  if wanted units; then # of the test set alone
    unitdisc segment "$out"/mfcc "$data"/test.jsonl "$out"/units --codes 64 --units-per-second 8 --durations gamma
  fi
  wanted classical || return 0
  for part in train test; do # learned of the train set
    unitdisc features "$data"/$part.jsonl "$out"/warped/$part --vtln 7 "${like[@]}"
    like=(--like "$out"/warped/train)
  done
  unitdisc normalise "$out"/warped/train "$data"/train.jsonl "$out"/classical/train --steps classical
  unitdisc normalise "$out"/warped/test "$data"/test.jsonl "$out"/classical/test --like "$out"/classical/train
  if wanted templates; then
    unitdisc templates "$out"/classical/train "$data"/train.jsonl "$out"/templates.safetensors --units 100
    for part in 8 12; do
      unitdisc segment "$out"/classical/test "$data"/test.jsonl "$out"/templates-$part \
        --templates "$out"/templates.safetensors --units-per-second $part
    done
  fi
  if wanted cut; then cut_units "$data" "$out"; fi
  if wanted loop; then
    unitdisc normalise "$out"/warped/train "$data"/train.jsonl "$out"/affine/train --steps standardise,affine
    unitdisc normalise "$out"/warped/test "$data"/test.jsonl "$out"/affine/test --like "$out"/affine/train
    unitdisc phone-loop "$out"/affine/train "$out"/loop.safetensors --units 100
    unitdisc segment "$out"/affine/test "$data"/test.jsonl "$out"/loop-8 --phone-loop "$out"/loop.safetensors --units-per-second 8
  fi
}

cut_units() { # cut_units DATA OUT: cut where log-mel frames change, named by classical frames, 100 codes of the train set
  local data=$1 out=$2 codes=(--codes 100) part
  unitdisc features "$data"/train.jsonl "$out"/log-mel/train --kind log-mel
  for part in train test; do
    unitdisc segment "$out"/log-mel/$part "$data"/$part.jsonl "$out"/cuts/$part --method change --units-per-second 8 --codes 500
    unitdisc segment "$out"/classical/$part "$data"/$part.jsonl "$out"/cut/$part --boundaries "$out"/cuts/$part "${codes[@]}"
    codes=(--codebook "$out"/cut/train/units/codebook.npy)
  done
}

found() { # found CORPUS: every row of what is asked for
  local method corpus=$1
  corpus_rate "$corpus"
  local kmeans=(--types-by kmeans --types "$types") warped=(--types-by warping --types "$types")
  local names=mfcc
  if wanted classical; then names=classical/test; fi
  if wanted phones; then
    for method in tp entropy unigram bpe dp-unigram dp-bigram; do
      one "$corpus" phones-$method mfcc --units-tier phone --method $method
    done
    one "$corpus" phones-tp-mi mfcc --units-tier phone --method tp --dependency mi
    for method in unigram bpe dpdp even random; do
      one "$corpus" phones-$method-rate mfcc --units-tier phone --method $method --words-per-second "$rate"
    done
    one "$corpus" phones-dp-unigram-warping $names --units-tier phone --method dp-unigram "${warped[@]}"
  fi
  if wanted units; then
    of_units units units tp entropy unigram bpe dp-unigram dpdp even random
    for method in dp-unigram dp-bigram; do
      one "$corpus" units-$method units --method $method
    done
    one "$corpus" units-unigram-graph units --method unigram --words-per-second "$rate" --types-by graph
    one "$corpus" units-unigram-kmeans units --method unigram --words-per-second "$rate" "${kmeans[@]}"
    one "$corpus" units-true units --method given --boundaries-tier word
    one "$corpus" units-true-graph units --method given --boundaries-tier word --types-by graph
  fi
  if wanted frames; then on_frames; fi
  if wanted truth; then truth; fi
  wanted classical || return 0
  if wanted templates; then
    of_units templates-8 templates-8 tp unigram bpe dp-unigram random
    of_units templates-12 templates-12 bpe dp-unigram
    one "$corpus" templates-8-dp-unigram templates-8 --method dp-unigram
    one "$corpus" templates-8-true templates-8 --method given --boundaries-tier word
  fi
  if wanted cut; then
    of_units cut cut/test tp bpe dp-unigram dpdp random
    one "$corpus" cut-true cut/test --method given --boundaries-tier word
  fi
  if wanted loop; then
    of_units loop-8 loop-8 bpe dp-unigram random
    named=("${warped[@]}" --types-from "$exp"/"$corpus"/classical/test)
    one "$corpus" loop-8-dp-unigram-warping loop-8 --method dp-unigram --words-per-second "$rate" "${named[@]}"
    one "$corpus" loop-8-true loop-8 --method given --boundaries-tier word
    one "$corpus" loop-8-true-warping loop-8 --method given --boundaries-tier word "${named[@]}"
  fi
}

of_units() { # of_units NAME FOLDER METHOD...: rows at the true number of words
  local name=$1 folder=$2 method
  for method in "${@:3}"; do
    one "$corpus" "$name"-"$method"-rate "$folder" --method "$method" --words-per-second "$rate"
  done
}

on_frames() { # rows without units
  for method in prominence es-kmeans; do
    one "$corpus" mfcc-$method mfcc --method $method --words-per-second "$rate" --types "$types"
  done
  one "$corpus" log-mel-dips log-mel/test --method dips --words-per-second "$rate" --types "$types"
  for method in even random; do
    one "$corpus" mfcc-$method mfcc --method $method --words-per-second "$rate" "${kmeans[@]}"
  done
  named=("${warped[@]}" --types-from "$exp"/"$corpus"/$names)
  one "$corpus" mfcc-prominence-warping mfcc --method prominence --words-per-second "$rate" "${named[@]}"
  one "$corpus" log-mel-dips-warping log-mel/test --method dips --words-per-second "$rate" "${named[@]}"
  for method in even random; do
    one "$corpus" $method-warping log-mel/test --method $method --words-per-second "$rate" "${named[@]}"
  done
  wanted classical || return 0
  for method in prominence es-kmeans; do
    one "$corpus" classical-$method classical/test --method $method --words-per-second "$rate" --types "$types"
  done
}

truth() { # rows with true boundaries
  one "$corpus" mfcc-true mfcc --method given --boundaries-tier word "${kmeans[@]}"
  one "$corpus" mfcc-true-warping mfcc --method given --boundaries-tier word "${warped[@]}"
  wanted classical || return 0
  one "$corpus" classical-true classical/test --method given --boundaries-tier word "${kmeans[@]}"
  one "$corpus" classical-true-warping classical/test --method given --boundaries-tier word "${warped[@]}"
}

one() { # one CORPUS NAME FOLDER OPTIONS...: a row, and how long it took
  local corpus=$1 name=$2 folder=$exp/$1/$3 begun=$SECONDS
  shift 3
  mkdir -p "$exp"/"$corpus"/scores
  unitdisc words "$folder" data/"$corpus"/test.jsonl "$exp"/"$corpus"/words/"$name" "${speech[@]}" --threads 1 "$@"
  echo $((SECONDS - begun)) >"$exp"/"$corpus"/scores/"$name".seconds
  unitdisc score "$exp"/"$corpus"/words/"$name" data/"$corpus"/test.jsonl "${scoring[@]}" \
    --output "$exp"/"$corpus"/scores/"$name".json
}

tables() { # of all corpora that have scores
  local corpus
  for corpus in $corpora; do
    if [ -d "$exp"/"$corpus"/scores ]; then python eval/words.py "$exp"/"$corpus"/scores; fi
  done
}
