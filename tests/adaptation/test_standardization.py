import numpy as np

from regraft.adaptation.source_only import SourceOnly
from regraft.adaptation.standardization import Standardization

RANDOM = np.random.default_rng(0)
TRUTH = np.arange(400) % 2
SOURCE = (RANDOM.normal(size=(400, 3)) + 4 * np.c_[TRUTH, TRUTH, TRUTH]).astype(np.float32)


def test_a_shift_and_a_scale_are_undone_exactly():
    target = SOURCE * np.float32([0.5, 2, 8]) + np.float32([7, -3, 90])
    alone, found = (kind.fit(SOURCE, TRUTH, target) for kind in (SourceOnly(), Standardization(shrinkage=0)))
    assert np.mean(alone.predict(target) == TRUTH) < 0.6
    np.testing.assert_allclose(found.predict_proba(target), found.source_proba(SOURCE), atol=1e-4)
    assert np.mean(found.predict(target) == TRUTH) > 0.98


def test_without_scale_only_the_mean_is_taken():
    target = SOURCE + np.float32([7, -3, 90])
    found = Standardization(scale=False, C=10.0).fit(SOURCE, TRUTH, target)
    plain = SourceOnly(C=10.0).fit(SOURCE, TRUTH)
    np.testing.assert_allclose(found.predict_proba(target), plain.predict_proba(SOURCE), atol=1e-3)


def test_a_feature_that_hardly_varies_does_not_become_the_loudest():
    # What is noise of a millionth in the source is as large as the rest in the target.
    quiet = np.c_[SOURCE, 1e-6 * RANDOM.normal(size=400)].astype(np.float32)
    factor = {}
    for shrinkage in (0.0, 0.5):
        found = Standardization(shrinkage=shrinkage, C=1.0).fit(quiet, TRUTH, quiet)
        factor[shrinkage] = np.abs(found.tensors_["coef"][:, 3]).max()
    assert factor[0.5] < 1e-3 < 1 < factor[0.0]
