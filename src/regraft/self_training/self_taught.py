"""What images without labels gave, in figures and in a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class SelfTaught:
    """What came of images without labels.

    Parameters
    ----------
    unlabelled : int
        Readable images without labels.
    copies, test_copies : int
        Left out: the same bytes as an image of the data or an earlier one, and how many of those as one of the test
        part.
    unfamiliar : int
        Left out: unlike all labelled images.
    used : int
        Images that pseudo-labels were sought for.
    pseudo_labels : dict of str to int
        Images that were taken for each class and learnt from; empty where nothing was learnt.
    source : str or None
        What the pseudo-labels come from: "graph" or "head and graph".
    portion : float or None
        Share of the images taken for a class that were learnt from, the surest first.
    threshold : float or None
        Least confidence of a pseudo-label.
    n_held_out : int
        Labelled images that judged.
    before, after : float or None
        Share of them named rightly by the head alone, and by the one that has also learnt from pseudo-labels.
    gain_ci95 : (float, float) or None
        95% interval of the difference.
    kept : bool
        Whether the second is the classifier's head.
    why : str
        Why it is not, in a few words; "" where it is.
    """

    unlabelled: int
    copies: int
    test_copies: int
    unfamiliar: int
    used: int
    pseudo_labels: dict[str, int]
    source: str | None
    portion: float | None
    threshold: float | None
    n_held_out: int
    before: float | None
    after: float | None
    gain_ci95: tuple[float, float] | None
    kept: bool
    why: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            **{name: getattr(self, name) for name in self.__dataclass_fields__},
            "gain_ci95": None if self.gain_ci95 is None else list(self.gain_ci95),
            "sentence": self.sentence(),
        }

    def sentence(self) -> str:
        """Return what is to be said to people."""
        return " ".join([self._left_out(), self._learnt()])

    def _left_out(self) -> str:
        reasons = []
        if self.copies:
            of_test = f" ({self.test_copies:,} of the test part)" if self.test_copies else ""
            reasons.append(f"{self.copies:,} as copies of one another or of examples of the data{of_test}")
        if self.unfamiliar:
            reasons.append(f"{self.unfamiliar:,} as unlike all labelled ones")
        more = self.unlabelled - self.copies - self.unfamiliar - self.used
        if more:
            reasons.append(f"{more:,} since {self.used:,} are enough")
        left = f"; left out: {', '.join(reasons)}" if reasons else ""
        return f"Of {self.unlabelled:,} examples without labels {self.used:,} were looked at{left}."

    def _learnt(self) -> str:
        if self.before is None or self.after is None or self.gain_ci95 is None:
            return f"Nothing was learnt from them: {self.why}."
        count = sum(self.pseudo_labels.values())
        low, high = (100 * bound for bound in self.gain_ci95)
        judged = (
            f"{count:,} got a pseudo-label; accuracy on {self.n_held_out:,} held-out labelled examples went from "
            f"{self.before:.3f} to {self.after:.3f} (95% interval of the difference {low:+.1f} to {high:+.1f} points)"
        )
        return f"{judged}: kept." if self.kept else f"{judged}: not kept, {self.why}."
