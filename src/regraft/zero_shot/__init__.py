"""Classifiers of classes that are only named or described: no image of them is needed."""
