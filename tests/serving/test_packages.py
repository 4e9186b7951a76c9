"""What a server needs is asked for by name."""

from __future__ import annotations

import pytest

from regraft import _optional
from regraft.errors import UsageError
from regraft.serving.packages import NEEDED, check_packages


def test_all_are_here() -> None:
    check_packages()


@pytest.mark.parametrize("missing", NEEDED)
def test_what_is_missing_is_named_with_the_command_that_installs_it(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = _optional.find_spec
    monkeypatch.setattr(_optional, "find_spec", lambda name: None if name == missing else there(name))
    with pytest.raises(UsageError, match=rf'{missing}, which is not installed; run `pip install "regraft\[serve\]"`'):
        check_packages()
