"""Classes that are only described, in terms of the classes that the source task knew: ConSE, with sharper weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from regraft.heads.scoring import unit_rows

SHARPNESS = 15.0
"""How fast a source class's weight falls as its name is less like a class's."""

CHANCE = 3.0
"""Evidence of the class that stands for the rest, where the others are no source classes themselves."""

# Accuracy with Lite0 + Lite1, on training images alone (half of the images of flowers and breeds): cats and dogs;
# dog breeds (60 classes); the breeds' kinds (terrier, spaniel, ...; 6); cats, dogs, hot dogs and flowers, by these
# names and as "kitten", "puppy", "sausage in a bun", "plant"; cats and dogs as "small pet that purrs and meows", ...
#
#                                                  cats, dogs  breeds  kinds  mixed  other names  described
#   ConSE, names, the 10 most probable classes        0.963     0.926  0.863  0.871     0.799       0.762
#   the same, centred                                 0.963     0.922  0.863  0.881     0.845       0.776
#   names and definitions, all classes, centred       0.961     0.922  0.853  0.918     0.903       0.835
#   sharpness  8, and "a photo of a ..."              0.987     0.939  0.912  0.961     0.932       0.832
#   sharpness 15                                      0.988     0.939  0.961  0.968     0.957       0.779
#   sharpness 15, and "a photo of a ..." (this)       0.989     0.939  0.971  0.968     0.959       0.818
#   the same with names alone                         0.985     0.939  0.814  0.963     0.932       0.879
#   sharpness 25                                      0.988     0.939  0.902  0.956     0.952       0.777
#
# Flowers had 0.26 to 0.32, whatever was done: their names are not among the source's.
#
# "Not a hot dog": of 200 training images 0.585 where a hot dog must be likelier than all else together, 0.785 where its
# evidence must exceed 1, 0.82 where it must exceed 3, and 0.86 where 1 and what its neighbours have (this). Over 20
# such questions of all sets, classes that are no source classes had the best balanced accuracy at 3 (0.91).


def centred(embeddings: npt.NDArray[np.float32], mean: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return embeddings (n, e) less a mean (e,), at length one: what tells them from the average source class."""
    return unit_rows(embeddings - mean)


def evidence_table(
    targets: npt.NDArray[np.float32],
    sources: npt.NDArray[np.float32],
    matches: Sequence[Sequence[int]],
    rest: int | None = None,
    sharpness: float = SHARPNESS,
) -> npt.NDArray[np.float32]:
    """Return how much each source class speaks for each described one: 1 is nothing in particular, the mean over all.

    ConSE weighs the sentence embeddings of the source's classes by an image's probabilities, and compares their mean
    with the embedding of a class: the image's score is a sum of probabilities times similarities. Here similarities are
    sharpened first, exp(sharpness * cosine), and made to sum to the same for every class: else the many source classes
    that are a little like "cat" outweigh the few that are cats, and a class with many relatives wins too often. Where a
    described class is a source class by name, that one alone speaks for it.

    The class that stands for the rest has what an image of any kind would give to the others: an equal share of all
    source classes, and as much again of those most like a described class that is a source class itself.

    Parameters
    ----------
    targets : float array of shape (k, e)
        Centred embeddings of the described classes; the row of the rest is not looked at.
    sources : float array of shape (z, e)
        Centred embeddings of the source's classes.
    matches : sequence of k sequences of int
        The source classes that each class is by name; mostly none.
    rest : int, optional
        The class that stands for all that the others are not.
    sharpness : float

    Returns
    -------
    float32 array of shape (z, k)
        Tensor "evidence" of the head "zero_shot".

    References
    ----------
    Norouzi et al., Zero-Shot Learning by Convex Combination of Semantic Embeddings, 2014; Changpinyo et al.,
    Synthesized Classifiers for Zero-Shot Learning, 2016 (a class as a softmax over others).
    """
    described = [c for c in range(len(targets)) if c != rest]
    taken = [z for c in described for z in matches[c]]
    table = np.empty((len(sources), len(targets)), np.float32)
    of_rest = []
    for c in described:
        own = list(matches[c])
        if own:
            table[:, c] = 0
            table[own, c] = len(sources) / len(own)
            # Beside any image at all, those most like the class: a pizza is mistaken for a hot dog, a car is not.
            near = _shares(sources @ unit_rows(sources[own].mean(axis=0, keepdims=True))[0], sharpness, taken)
            of_rest.append(1 + near)
        else:
            table[:, c] = _shares(sources @ targets[c], sharpness)
            of_rest.append(np.full(len(sources), CHANCE))
    if rest is not None:
        table[:, rest] = np.mean(of_rest, axis=0)
    return table


def _shares(similarity: np.ndarray, sharpness: float, without: Sequence[int] = ()) -> np.ndarray:
    """Return the source classes' weights (z,), 1 on average."""
    weights = np.exp(sharpness * (similarity - similarity.max()))
    weights[list(without)] = 0
    return len(weights) * weights / max(weights.sum(), np.finfo(np.float32).tiny)
