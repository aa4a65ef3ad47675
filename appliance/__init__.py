"""NeuralScan Edge: an offline appliance that reads brain MR slices. Research use only."""

__version__ = "0.1.0"

NOTICE = "Research use only. Not a medical device."
