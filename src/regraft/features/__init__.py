"""Bottlenecks: a backbone's features of pictures, computed once and kept."""
