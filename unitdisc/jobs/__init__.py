"""How is work shared by many processes? Shards that know nothing of each other: by hand, by Slurm, on a Ray cluster."""

from unitdisc.jobs.shard import WHOLE, Shard

__all__ = ["WHOLE", "Shard"]
