"""Search for the way to INT8: candidates built, judged on held-out slices, timed side by side."""
