"""Examples that are related to each other: what links say on one domain is carried over to the links of another."""
