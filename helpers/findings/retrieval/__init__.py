"""Was a retrieved document used?"""
