"""How far a few labels a class go: episodes of a few labelled images each, all the rest being the test."""
