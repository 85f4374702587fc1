"""Prompts of labelled segments, the rules of following, and readers of one's own."""
