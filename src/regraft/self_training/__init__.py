"""What images without labels add to few labelled ones."""
