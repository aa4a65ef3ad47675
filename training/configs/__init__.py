"""One short Python file for each model: ``CONFIG`` and a docstring with command, time and metrics."""
