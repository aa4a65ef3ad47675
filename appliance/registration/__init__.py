"""Two images of one head brought together, with a verdict on itself.

`register` is the sentence; `appliance.registration.carry` brings an image or a mask across.
"""
