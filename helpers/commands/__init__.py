"""python -m helpers COMMAND: what is run from a terminal, and what opens a chapter."""
