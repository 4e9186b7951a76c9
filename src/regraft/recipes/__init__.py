"""The published experiments as data, and what runs them on your copy of theirs."""
