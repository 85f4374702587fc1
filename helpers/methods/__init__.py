"""The three explanation methods and the statistics: pure functions on tensors and arrays."""
