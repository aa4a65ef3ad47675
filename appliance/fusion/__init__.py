"""Two registered images in one picture, on the grid of the first, and figures that judge it.

`fuse.fuse` is the sentence: register, refuse or go on, fuse, measure.
"""
