"""Classes that are added to a classifier, or taken away, after it was fitted."""
