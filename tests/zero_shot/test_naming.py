"""Class names: what is refused, and which of them stands for the rest."""

from __future__ import annotations

import pytest

from regraft.errors import UsageError
from regraft.zero_shot.naming import Rest, check_distinct, class_list, find_rest, readable


def test_names_come_as_text_or_as_a_list():
    assert class_list(" cat, hot dog ") == ("cat", "hot dog")
    assert class_list(["cat", "salt, pepper"]) == ("cat", "salt, pepper")
    assert class_list("cat", least=1) == ("cat",)
    assert readable("german_short-haired__pointer ") == "german short haired pointer"


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        ("cat,,dog", "--classes must name every class, but number 2 of 3 is empty"),
        ("cat, -", "number 2 of 2 is '-'"),
        ("", "number 1 of 1 is empty"),
        ("cat", 'must name at least two classes, not 1 .cat.; add another, or "other"'),
        ("Cat, dog, cat", "must name each class once, but 'Cat' and 'cat' are one"),
        (["hot_dog", "hot dog"], "'hot_dog' and 'hot dog' are one"),
    ],
)
def test_what_is_refused(classes, words):
    with pytest.raises(UsageError, match=words):
        class_list(classes)


def test_the_same_name_twice():
    with pytest.raises(UsageError, match="The file must name each class once, but 'a' and 'a' are one"):
        check_distinct(["a", "b", "a"], "The file")


@pytest.mark.parametrize(
    ("names", "rest"),
    [
        (["cat", "dog"], None),
        (["cat", "other"], Rest(1)),
        (["Background", "cat"], Rest(0)),
        (["hotdog", "not_hotdog"], Rest(1, "hotdog")),
        (["hot dog", "not a hot-dog"], Rest(1, "hot dog")),
        (["non-cat", "cats"], Rest(0, "cats")),
        (["functional", "nonfunctional"], Rest(1, "functional")),
        (["crack", "no_crack"], Rest(1, "crack")),
        (["mask", "without mask"], Rest(1, "mask")),
        (["cat", "not_dog"], Rest(1)),
        (["stop sign", "no entry"], None),
        (["book", "notebook"], None),
        (["pen", "notebook"], None),
        (["pasta", "noodle"], None),
    ],
)
def test_which_class_is_the_rest(names, rest):
    assert find_rest(names) == rest


def test_there_is_one_rest_at_most():
    with pytest.raises(UsageError, match=r"Only one class may stand for all .* but 'other' and 'not_cat' do"):
        find_rest(["cat", "other", "not_cat"])
