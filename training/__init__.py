"""Data analysis, training, evaluation; only `evaluation` imports ``optimize``."""
