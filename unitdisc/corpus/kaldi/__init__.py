"""Kaldi data directories in and out: wav.scp, segments, utt2spk, spk2gender, text and *.ctm.

The format: https://kaldi-asr.org/doc/data_prep.html
"""

from unitdisc.corpus.kaldi.reading import read_kaldi
from unitdisc.corpus.kaldi.writing import write_kaldi

__all__ = ["read_kaldi", "write_kaldi"]
