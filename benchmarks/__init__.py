"""Measured speed and size of what is served: traffic, targets, rows and their renderings.

`scenarios` knows traffic and clocks and nothing about models, `targets` knows what is called,
`results` is the row both meet in, `report` draws rows and measures nothing.
"""
