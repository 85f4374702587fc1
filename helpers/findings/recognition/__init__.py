"""Finding 1: does the response rest on the instruction?"""
