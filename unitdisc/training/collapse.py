"""Collapse alarms: what went wrong with the units, in plain words, while there is still time to change something."""

from collections.abc import Mapping

FEW_CODES = 0.1  # of the codebook
SMALL_GAP = 0.01  # nats per value by which the right latents must beat wrong ones
WINS = 0.95  # of the time that a critic is right
CONSTANT = 1e-3  # standard deviation of the latents over time
ALIKE = 0.05  # variance of made pixels over that of real ones
CERTAIN = 0.1  # loss of a critic over that of one that cannot tell
UNREAD = 0.05  # what is read back of codes, over what they are
UNHEARD = 0.03  # how far lines for two scribes are apart, over their ink


def alarms(metrics: Mapping[str, float], num_codes: int | None) -> dict[str, str]:
    """What is wrong, judging by validation metrics, and what to try: {symptom: sentence}.

    Looks at "perplexity", "target_use" (the perplexity of codes that are predicted and learnt at once, as a share of
    what it could be), "latent_gap" (how much worse a reconstruction is with another utterance's latents, in nats per
    value), "latent_deviation", "critic_accuracy" (of a critic that tells latents from a prior), and of generators
    "sample_variance" (of what is made, over that of what is real), "critic_doubt" (the loss of a critic over that of
    one that cannot tell), "codes_read" (what is read back of the entropy of codes) and "hands_apart" (how far lines as
    two scribes would write them are apart, over their ink); metrics that are absent are not judged.
    """
    found = {}
    if num_codes is not None and metrics.get("perplexity", num_codes) < FEW_CODES * num_codes:
        found["few codes"] = (
            f"Few codes in use: perplexity {metrics['perplexity']:.1f} of {num_codes} codes. "
            "Try fewer codes; with a learnt codebook also bottleneck.batch_norm=true, a longer "
            "bottleneck.warmup_steps, bottleneck.reestimations or a smaller bottleneck.commitment; of categories that "
            "a critic looks at, a smaller objective.weight."
        )
    if metrics.get("critic_accuracy", 0.5) > WINS:
        found["critic wins"] = (
            f"The critic wins: it is right {100 * metrics['critic_accuracy']:.0f} % of the time about what is made and "
            "what is drawn from the prior, so that nothing is learnt from it. Try a smaller "
            "objective.critic_learning_rate, more objective.noise or more objective.weight."
        )
    if metrics.get("target_use", 1.0) < FEW_CODES:
        found["few targets"] = (
            f"Few codes among the targets: {100 * metrics['target_use']:.0f} % of them are in effective use, so that "
            "telling them takes nothing. Try more objective.diversity, or fewer objective.num_codes."
        )
    if metrics.get("latent_deviation", 1.0) < CONSTANT:
        found["constant latents"] = (
            "Constant latents: they hardly change over time, so they carry nothing. "
            "Try a smaller jitter.probability or training.learning_rate; with bottleneck.kind='gaussian', a longer "
            "bottleneck.warmup_steps or more bottleneck.free_bits."
        )
    elif metrics.get("latent_gap", 1.0) < SMALL_GAP:
        found["ignored latents"] = (
            f"The decoder ignores the latents: with those of another utterance it does only "
            f"{metrics['latent_gap']:.4f} nats per value worse. Try a weaker decoder (fewer decoder.layers or "
            "decoder.channels), more decoder.history_dropout, or more room in the bottleneck (bottleneck.num_codes, "
            "bottleneck.free_bits)."
        )
    return {**found, **alarms_of_contests(metrics)}


def alarms_of_contests(metrics: Mapping[str, float]) -> dict[str, str]:
    """The same of a generator and its critic."""
    found = {}
    if metrics.get("sample_variance", 1.0) < ALIKE:
        found["samples alike"] = (
            f"What is made is all alike: its pixels vary by {100 * metrics['sample_variance']:.1f} % of real ones. "
            "Try more objective.penalty_weight, another objective.loss, or a smaller training.learning_rate."
        )
    if metrics.get("critic_doubt", 1.0) < CERTAIN:
        found["critic wins"] = (
            "The critic wins: it tells made items from real ones with so little doubt that the generator learns "
            f"nothing from it (its loss is {100 * metrics['critic_doubt']:.1f} % of one that cannot tell). Try more "
            "objective.penalty_weight, a smaller objective.critic_learning_rate, or objective.loss='wasserstein'."
        )
    if metrics.get("codes_read", 1.0) < UNREAD:
        found["ignored codes"] = (
            f"The codes are ignored: what is made tells {100 * metrics['codes_read']:.1f} % of what its codes say. Try "
            "more objective.reading, fewer codes (bottleneck.categories), or more training.learning_rate."
        )
    if metrics.get("hands_apart", 1.0) < UNHEARD:
        found["ignored hands"] = (
            "Who is to have written a line changes nothing: what is made for two scribes is "
            f"{100 * metrics['hands_apart']:.1f} % of the ink apart. Try more objective.adversary, less "
            "objective.cycle and objective.identity, or more training.steps."
        )
    return found
