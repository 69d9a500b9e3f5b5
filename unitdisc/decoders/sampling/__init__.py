"""How is a signal drawn, fast? Step by step with what was computed before: on CPUs, on GPUs, many at once."""
