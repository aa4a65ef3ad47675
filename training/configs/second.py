"""The second recipe: as the first, with measures against what scanners add and take away.

Command: ``python -m training crossvalidate second --data DATA --out runs/second``

Against `first`: some slices lose skin and skull or take over another slice's histogram, a few get
ghosts, motion or a hole, generated healthy heads with contrast medium stand beside the real ones,
and masks are the mean of two readers where there are two. Each share is about half of the trial
``scanners``, which found more on foreign scanners and alarmed less, but drew less exactly there.
"""

from training.config import Augmentation, Config

CONFIG = Config(
    name="second",
    title="Brain MR T1c slice reader",
    epochs=16,
    augmentation=Augmentation(strip=0.05, borrow=0.06, ghost=0.03, motion=0.03, cut_out=0.03),
    second_reader=True,
    heads=240,
)
