"""How far a classifier can be trusted, gathered from images that it has not learnt from."""
