"""How to transfer: frozen features, a trained network, or nothing at all, as the user or the budget says."""
