"""What networks are worth: fold-out figures as served, elsewhere, disturbed, and in one report.

Scoring is `optimize`'s, the verdict `appliance.core.verdict`'s: nothing of the pipeline is
repeated here. No module of this folder imports TensorFlow, which shares no process with OpenVINO.
"""
