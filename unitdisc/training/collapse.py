"""Collapse alarms: what went wrong with the units, in plain words, while there is still time to change something."""

from collections.abc import Mapping

FEW_CODES = 0.1  # of the codebook
SMALL_GAP = 0.01  # nats per value by which the right latents must beat wrong ones
WINS = 0.95  # of the time that a critic is right
CONSTANT = 1e-3  # standard deviation of the latents over time


def alarms(metrics: Mapping[str, float], num_codes: int | None) -> dict[str, str]:
    """What is wrong, judging by validation metrics, and what to try: {symptom: sentence}.

    Looks at "perplexity", "target_use" (the perplexity of codes that are predicted and learnt at once, as a share of
    what it could be), "latent_gap" (how much worse a reconstruction is with another utterance's latents, in nats per
    value), "latent_deviation" and "critic_accuracy" (of a critic that tells what is made from what is real); metrics
    that are absent are not judged.
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
    return found
