"""Bottlenecks: a backbone's features of images, computed once and kept."""
