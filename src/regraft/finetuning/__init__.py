"""Parameter transfer: the network itself is trained, from a pretrained start or from none."""
