"""A pair of models: where it comes from, how it loads, responds, and is tuned."""
