"""Models by name: the first is the default, others can be added while the server runs."""

from __future__ import annotations

from typing import Any

import pytest

from regraft.errors import UsageError
from regraft.serving.models import Models
from regraft.serving.refusals import Refused
from regraft.serving.settings import Settings


@pytest.fixture
def models() -> Models:
    return Models(Settings())


def test_the_first_is_meant_where_none_is_named(models: Models, fitted: Any) -> None:
    models.add("one", fitted.classifier, "ab12")
    models.add("two", fitted.classifier)
    assert models.names() == ("one", "two")
    assert models.get(None).name == "one" and models.get(None).sha256 == "ab12"
    assert models.get("two").name == "two" and models.get("two").modality == "image"
    assert [served.name for served in models.every()] == ["one", "two"]


def test_a_name_can_be_given_anew(models: Models, fitted: Any) -> None:
    models.add("one", fitted.classifier)
    before = models.get("one")
    models.add("one", fitted.classifier, "cd34")
    assert models.names() == ("one",) and models.get("one") is not before and models.get("one").sha256 == "cd34"


def test_what_is_not_there_is_refused_in_words(models: Models, fitted: Any) -> None:
    with pytest.raises(Refused, match="none is loaded yet") as refused:
        models.get(None)
    assert refused.value.status == 404
    models.add("one", fitted.classifier)
    with pytest.raises(Refused, match="model must be one of one, not 'three'") as refused:
        models.get("three")
    assert refused.value.status == 404


@pytest.mark.parametrize("name", ["", "x" * 201, "a\nb"], ids=["empty", "long", "two lines"])
def test_a_name_can_be_written_in_an_address(models: Models, fitted: Any, name: str) -> None:
    with pytest.raises(UsageError, match="A model's name must be"):
        models.add(name, fitted.classifier)
    assert models.names() == ()
