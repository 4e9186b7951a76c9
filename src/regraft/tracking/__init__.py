"""What is kept of a run beside its figures: what trackers are told, the resolved options, and how to repeat it."""

from regraft.tracking.tracker import TRACKERS, Tracker

__all__ = ["TRACKERS", "Tracker"]
