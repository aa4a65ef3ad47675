"""The first shipped network: class, mask, heat map and embedding in one pass.

Command: ``python -m training train first --data DATA --out runs/first``

Two cores, 16 epochs; the run's ``history.json`` holds time and validation figures of every
epoch, the model card the measured result of the package.
"""

from training.config import Config

CONFIG = Config(name="first", title="Brain MR T1c slice reader", epochs=16)
