"""Several tasks on one network: a head each, learnt together where that helps and alone where it does not."""
