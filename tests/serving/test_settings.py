"""What a server allows, and what is no limit at all."""

from __future__ import annotations

import math

import pytest

from regraft.errors import UsageError
from regraft.serving.settings import Settings


def test_megabytes_and_megapixels_in_bytes_and_pixels() -> None:
    settings = Settings(max_megabytes=0.5, max_waiting_megabytes=2, max_megapixels=1.5)
    assert settings.max_bytes == 524_288
    assert settings.max_waiting_bytes == 2_097_152
    assert settings.max_pixels == 1_500_000


@pytest.mark.parametrize("name", ["max_images", "max_requests", "workers"])
@pytest.mark.parametrize("value", [0, -1, 1.5, True])
def test_numbers_are_one_or_more(name: str, value: float) -> None:
    with pytest.raises(UsageError, match=f"--{name.replace('_', '-')} must be a whole number of 1 or more"):
        Settings(**{name: value})


@pytest.mark.parametrize(
    "name", ["max_megabytes", "max_megapixels", "max_waiting_megabytes", "timeout", "read_timeout"]
)
@pytest.mark.parametrize("value", [0, -1, math.inf, math.nan])
def test_amounts_are_above_zero_and_finite(name: str, value: float) -> None:
    with pytest.raises(UsageError, match=f"--{name.replace('_', '-')} must be above 0"):
        Settings(**{name: value})


def test_one_body_fits_into_what_all_may_hold() -> None:
    with pytest.raises(UsageError, match="at least one request of --max-megabytes 300, not 256"):
        Settings(max_megabytes=300)


@pytest.mark.parametrize("token", ["", "two words", "tab\t", "ключ"], ids=["empty", "blank", "tab", "cyrillic"])
def test_a_token_can_be_sent_in_a_header(token: str) -> None:
    with pytest.raises(UsageError, match="The token must"):
        Settings(token=token)


def test_a_token_is_not_shown() -> None:
    assert "secret" not in repr(Settings(token="secret"))
