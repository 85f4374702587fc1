"""Vocabulary, verbs, word vectors, and who says what a list of words has in common."""
