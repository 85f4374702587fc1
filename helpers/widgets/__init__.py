"""Explorers: one Python and one JavaScript file each, on a common kit."""
