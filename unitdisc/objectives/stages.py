"""What objectives that come between the two stages of an encoder have in common."""


def refuse_one_stage(objective: str, local_dim: int) -> None:
    """Raises ValueError unless the encoder has local frames."""
    if not local_dim:
        raise ValueError(
            f"the objective {objective!r} comes between local frames and their context; set encoder.kind to 'context'"
        )
