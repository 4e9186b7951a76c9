"""A classifier for other programs: one graph with the preprocessing inside, checked against the classifier itself."""
