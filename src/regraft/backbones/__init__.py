"""What we transfer: pretrained networks, where their weights are, and the pixels they expect."""
