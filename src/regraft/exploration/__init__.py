"""Without labels: what images lie together, which are like another, which to look at next."""
