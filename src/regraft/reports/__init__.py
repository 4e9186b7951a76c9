"""Reports for people: they render an evaluation and compute nothing that decides anything."""
