"""Two time points of one head compared: lesions matched, change measured, with an error band.

`appliance.followup.compare` compares one pair, `appliance.followup.course` any number of studies
in the order in which they are given.
"""
