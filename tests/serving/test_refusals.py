"""The shape of all answers that say no."""

from __future__ import annotations

from regraft.serving.refusals import Refused, code_of, come_again


def test_an_error_has_its_status_a_word_and_a_sentence() -> None:
    error = Refused(422, "empty", "It must not be empty.")
    assert error.to_dict() == {"error": {"status": 422, "code": "empty", "message": "It must not be empty."}}
    assert str(error) == "It must not be empty."


def test_details_stand_beside_the_sentence() -> None:
    details = [{"name": "a", "error": "broken"}]
    assert Refused(422, "unreadable", "No.", details).to_dict()["error"]["details"] == details


def test_who_shall_come_again_is_told_when() -> None:
    error = come_again("busy", "Later.")
    assert (error.status, int(error.headers["Retry-After"])) == (503, 1)


def test_each_status_has_a_word() -> None:
    assert code_of(404) == "not-found"
    assert code_of(599) == "refused"
