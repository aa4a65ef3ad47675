"""From a SavedModel and a draft manifest to a calibrated INT8 package; needs no TensorFlow."""
