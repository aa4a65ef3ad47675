"""Data analysis, training and evaluation; meets ``optimize`` only through a folder on disk."""
