"""How is a model trained? Trainer, optimisers, checkpoints, several processes, and how a run is watched."""
