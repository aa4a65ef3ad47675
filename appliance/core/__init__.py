"""The part training, optimisation, serving and benchmarks share: NumPy and OpenCV only, no I/O."""
