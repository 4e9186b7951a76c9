"""What a server answers where it does not do what was asked: one sentence, always in the same shape."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

RETRY_SECONDS = 1
"""After which whoever was told to come again may do so."""


class Refused(Exception):
    """A request that is not done.

    Parameters
    ----------
    status : int
        HTTP's.
    code : str
        A word that programs can tell it by.
    message : str
        A sentence: what, what it must be, what came, what to do.
    details : list of dict, optional
        Of each example, its name and what is wrong with it.
    headers : dict, optional
        HTTP's.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: list[dict[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.details = status, code, message, details
        self.headers = dict(headers or {})

    def to_dict(self) -> dict[str, Any]:
        """Return the body of the answer."""
        return refusal(self.status, self.code, self.message, self.details)


def refusal(status: int, code: str, message: str, details: list[dict[str, str]] | None = None) -> dict[str, Any]:
    """Return the body of an answer that says no."""
    said: dict[str, Any] = {"status": status, "code": code, "message": message}
    return {"error": said if details is None else {**said, "details": details}}


def come_again(code: str, message: str) -> Refused:
    """Return what is said to those who come at a bad moment."""
    return Refused(503, code, message, headers={"Retry-After": str(RETRY_SECONDS)})


def code_of(status: int) -> str:
    """Return a word for a status that has none of its own."""
    try:
        return HTTPStatus(status).phrase.lower().replace(" ", "-")
    except ValueError:
        return "refused"
