"""What instruction tuning changes inside a language model: the methods behind the book."""

__version__ = "0.1.0"
