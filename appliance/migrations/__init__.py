"""Steps from one shape of the index to the next, run by `appliance.index` at start-up."""
