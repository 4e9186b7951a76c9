import subprocess
import sys

import pytest

from regraft.errors import UsageError
from regraft.heads import HEADS, build_head, head_class
from regraft.heads.scoring import SCORERS


def test_scoring_a_stored_head_imports_neither_sklearn_nor_torch():
    code = (
        "import sys, regraft.heads, regraft.heads.scoring as s; print({'sklearn', 'torch', 'scipy'} & set(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"


@pytest.mark.parametrize("name", HEADS)
def test_every_head_is_found_by_its_name_and_has_a_scorer(name):
    assert head_class(name).method == name
    assert HEADS[name].name == name
    assert name in SCORERS
    assert HEADS[name].summary


def test_build_head_passes_the_settings_on():
    assert build_head("logistic", C=3.0).C == 3.0


def test_unknown_head_is_answered_with_the_nearest_and_all_names():
    with pytest.raises(UsageError, match=r"no head 'logistc' \(did you mean 'logistic'\?\); the heads are prot"):
        build_head("logistc")


def test_unknown_setting_is_answered_with_the_nearest_and_all_settings():
    with pytest.raises(UsageError, match=r"knn has no setting 'n_neighbour' \(did you mean 'n_neighbors'\?\)"):
        build_head("knn", n_neighbour=3)


def test_setting_of_a_head_that_has_none():
    with pytest.raises(UsageError, match="centroid has no setting 'metric'; it has no settings"):
        build_head("centroid", metric="cosine")
