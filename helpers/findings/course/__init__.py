"""How a model learns to follow: every checkpoint of a course of training, asked the same questions."""
