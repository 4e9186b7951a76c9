"""Multi-source TrAdaBoost: in every round, the source that serves the target best."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from regraft.adaptation.boosting import Booster, Boosting, Round, say


class MultiSourceTrAdaBoost(Boosting):
    """AdaBoost on the target's few known labels, helped in each round by that one of several sources which serves best.

    Parameters
    ----------
    rounds : int
        All of them vote.
    C : float, optional
        Inverse strength of the penalty; default: by cross-validation on source and known target examples together.
    seed : int

    Attributes
    ----------
    weights_ : array of shape (n + q,)
        What the source's examples, and after them the target's known ones, count in the end; 1 in the sum.

    Notes
    -----
    Of one source it is `TrAdaBoost`. Errors are held out, and probabilities are averaged, as in `TrAdaBoost`.

    References
    ----------
    Yao & Doretto, Boosting for Transfer Learning with Multiple Sources, 2010; Zhu et al., Multi-class AdaBoost, 2009.
    """

    def _boost(
        self, booster: Booster, weights: npt.NDArray[np.float64], domains: npt.NDArray[np.intp]
    ) -> tuple[list[Round], list[float]]:
        of_target = domains < 0
        alpha = 0.5 * np.log(1 + np.sqrt(2 * np.log(np.count_nonzero(~of_target)) / self.rounds))
        rounds, votes = [], []
        for _ in range(self.rounds):
            found = [
                booster.learn(np.where((domains == source) | of_target, weights, 0.0))
                for source in range(domains.max() + 1)
            ]
            errors = [one.error(weights, of_target) for one in found]
            best = found[int(np.argmin(errors))]
            vote = 0.5 * say(min(errors), booster.k)
            rounds.append(best)
            votes.append(max(vote, 0.0))
            if vote <= 0:  # no better than chance: from here on errors would be rewarded
                break
            weights *= np.exp(np.where(of_target, vote, -alpha) * best.missed)
            weights /= weights.sum()
        return rounds, votes if any(votes) else [1.0] * len(votes)
