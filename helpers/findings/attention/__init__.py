"""Finding 2: pairs of words in the heads."""
