"""Finding 1, continued: what stands in the middle of a prompt, and an instruction moved through it."""
