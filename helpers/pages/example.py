"""The running example: one prompt of data/prompts.jsonl that accompanies a reader through all chapters.

My friend speaks only Spanish. The cat is black. Translate the sentence into Spanish.
"""

RUNNING = "translation-07"
