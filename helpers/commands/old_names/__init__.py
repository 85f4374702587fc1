"""Commands as they were called before; this folder goes with the next version."""
