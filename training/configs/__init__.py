"""One short Python file for each model: ``CONFIG``, and how to run it."""
