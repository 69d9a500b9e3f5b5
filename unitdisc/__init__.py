"""unitdisc: the units of a language nobody transcribed, from the signal alone.

What the commands do, from Python: `unitdisc.encode`, `unitdisc.abx` and so on, and the types that they take. All are
imported when they are first asked for, so `import unitdisc` itself loads nothing heavy. Paths may be given as text.
Messages and progress go to standard error.
"""

from importlib import import_module
from typing import Any

from unitdisc.files.caches import keep_caches_somewhere, keep_few_layers

__version__ = "0.1.0"

INTERFACE = {  # name: where it is defined
    # a corpus
    "read_corpus": "unitdisc.corpus.read",
    "prepare": "unitdisc.api.prepare",
    "validate": "unitdisc.api.validate",
    "shards": "unitdisc.api.shards",
    "CorpusAccess": "unitdisc.corpus.access",
    "CutOptions": "unitdisc.prep.recordings.cutting",
    "PackingOptions": "unitdisc.api.shards",
    "PrepareOptions": "unitdisc.api.prepare",
    "Utterance": "unitdisc.corpus",
    # a model
    "train": "unitdisc.api.train",
    "load": "unitdisc.experiment",
    "encode": "unitdisc.api.encode",
    "features": "unitdisc.api.encode",
    "likelihood": "unitdisc.api.likelihood",
    "outliers": "unitdisc.api.outliers",
    "morph": "unitdisc.api.morph",
    "card": "unitdisc.api.card",
    "resynthesise": "unitdisc.api.resynthesise",
    "generate": "unitdisc.api.generate",
    "restore": "unitdisc.api.restore",
    "convert": "unitdisc.api.convert",
    "AcousticFeatures": "unitdisc.data.acoustic_features",
    "BoundedLogMel": "unitdisc.data.bounded_mel",
    "ColumnFeatures": "unitdisc.data.column_features",
    "GenerateOptions": "unitdisc.generation.items",
    "TextureOptions": "unitdisc.inference.textures",
    "GradientFeatures": "unitdisc.data.gradient_features",
    "PretrainedColumns": "unitdisc.data.pretrained",
    "PretrainedFeatures": "unitdisc.data.pretrained",
    "Drawing": "unitdisc.api.resynthesise",
    "MorphOptions": "unitdisc.api.morph_ways",
    "features_of_kind": "unitdisc.data.features",
    # units
    "Encodings": "unitdisc.encodings",
    "kmeans": "unitdisc.api.kmeans",
    "normalise": "unitdisc.api.normalise",
    "phone_loop": "unitdisc.api.phone_loop",
    "templates": "unitdisc.api.templates",
    "segment": "unitdisc.api.segment",
    "discover": "unitdisc.api.discover",
    "words": "unitdisc.api.words",
    "terms": "unitdisc.api.terms",
    "export": "unitdisc.api.export",
    "name": "unitdisc.api.name",
    "simulate_naming": "unitdisc.api.name",
    "read": "unitdisc.api.read",
    "align": "unitdisc.api.align",
    "find": "unitdisc.api.find",
    "AlignOptions": "unitdisc.alignment",
    "Codes": "unitdisc.segmentation.corpora.codebooks",
    "DiscoverOptions": "unitdisc.api.discover_rounds",
    "FindOptions": "unitdisc.retrieval.search",
    "KMeansOptions": "unitdisc.clustering",
    "PhoneLoopOptions": "unitdisc.segmentation.phone_loop.options",
    "QueryOptions": "unitdisc.retrieval.queries",
    "ReaderOptions": "unitdisc.naming.reader",
    "SegmentOptions": "unitdisc.segmentation.corpora.options",
    "SimulationOptions": "unitdisc.naming.simulation",
    "TemplateOptions": "unitdisc.segmentation.templates.options",
    "TermOptions": "unitdisc.term_discovery.options",
    # a language of units
    "lm_train": "unitdisc.api.lm_train",
    "lm_score": "unitdisc.api.lm_score",
    "lm_sample": "unitdisc.api.lm_sample",
    "sample": "unitdisc.api.sample",
    "ContinuationOptions": "unitdisc.generation.samples",
    "SampleOptions": "unitdisc.language.sampling",
    "SymbolOptions": "unitdisc.language.presets",
    "WordOptions": "unitdisc.word_segmentation.options",
    # what they are worth
    "abx": "unitdisc.api.abx",
    "probe": "unitdisc.api.probe",
    "robustness": "unitdisc.api.robustness",
    "score": "unitdisc.api.score",
    "show": "unitdisc.api.show",
    "explore": "unitdisc.api.explore",
    "report": "unitdisc.api.report",
    "AbxProtocol": "unitdisc.evaluation.abx",
    "AttackOptions": "unitdisc.inference.attacks",
    "AbxResources": "unitdisc.api.abx_options",
    "FewLabels": "unitdisc.evaluation.probes",
    "ItemColumns": "unitdisc.api.abx_options",
    "ProbeOptions": "unitdisc.evaluation.probes",
    "ProbeTasks": "unitdisc.api.probe",
    "Sampling": "unitdisc.evaluation.abx",
    # what functions return
    "AbxResult": "unitdisc.evaluation.abx",
    "AbxScores": "unitdisc.api.abx",
    "AlignResult": "unitdisc.api.align",
    "Changed": "unitdisc.api.changed_corpus",
    "DiscoverResult": "unitdisc.api.discover",
    "FindResult": "unitdisc.api.find",
    "LmScores": "unitdisc.api.lm_score",
    "LikelihoodScore": "unitdisc.api.likelihood",
    "MorphResult": "unitdisc.api.morph",
    "Generated": "unitdisc.api.generate",
    "Measured": "unitdisc.evaluation.settings",
    "NameResult": "unitdisc.api.name",
    "OutliersResult": "unitdisc.api.outliers",
    "Place": "unitdisc.retrieval.queries",
    "PrepareResult": "unitdisc.api.prepare",
    "Problem": "unitdisc.corpus",
    "ReadResult": "unitdisc.api.read",
    "SegmentResult": "unitdisc.api.segment",
    "TermsResult": "unitdisc.api.terms",
    "TierCheck": "unitdisc.alignment.checking",
    "WordsResult": "unitdisc.api.words",
    # work shared by many processes
    "Cluster": "unitdisc.jobs.cluster",
    "Shard": "unitdisc.jobs",
}
__all__ = list(INTERFACE)

keep_caches_somewhere()  # before anything imports numba
keep_few_layers()  # before torch computes


def __getattr__(name: str) -> Any:
    """What `INTERFACE` names, from where it is defined."""
    if name not in INTERFACE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(INTERFACE[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *INTERFACE})
