"""NeuralScan Edge: an offline appliance that reads brain MR slices. Research use only."""

import logging
import warnings

__version__ = "0.1.0"

NOTICE = "Research use only. Not a medical device."

# These log what they read and warn of names they find odd. A log is no place for either.
for _library in ("PIL", "highdicom", "nibabel", "pydicom", "pynetdicom"):
    logging.getLogger(_library).setLevel(logging.CRITICAL + 1)
warnings.filterwarnings("ignore", module=r"(highdicom|pydicom)(\.|$)")
