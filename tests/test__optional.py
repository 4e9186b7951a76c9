"""What is missing is named, with the command that brings it."""

import pytest

from regraft._optional import import_or_raise
from regraft.errors import UsageError


def test_what_is_there_is_imported() -> None:
    assert import_or_raise("json.decoder", "text").JSONDecoder


def test_what_is_missing_is_named_with_its_extra() -> None:
    message = r'This needs the package no_such_thing, which is not installed; run `pip install "regraft\[text\]"`'
    with pytest.raises(UsageError, match=message):
        import_or_raise("no_such_thing.inside", "text")
