"""When to transfer, and from which source: scores of pretrained networks that need no training."""
