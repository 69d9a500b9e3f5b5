"""Which units follow which? Language models of units: n-grams and networks, what they expect and what they say."""
