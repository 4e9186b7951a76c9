"""The words for all stages of a network, and for none of them."""

HEAD, ALL = "head", "all"
