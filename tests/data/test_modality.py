"""Images, texts and recordings are told apart, and a mixture is refused with the counts."""

import pytest

from regraft.data.modality import check_modality, of_examples, of_folder, of_name
from regraft.data.sources import list_examples, read_source
from regraft.errors import DataError


def files(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


@pytest.mark.parametrize(
    ("name", "modality"),
    [("a.JPG", "image"), ("a.txt", "text"), ("a.wav", "audio"), ("a.Mp3", "audio"), ("a.csv", None), ("a", None)],
)
def test_a_name_tells_by_its_extension(name, modality):
    assert of_name(name) == modality


def test_a_folder_is_of_the_kind_of_nearly_all_its_files(tmp_path):
    assert of_folder(tmp_path) == "image"
    files(tmp_path, *(f"yes/{i}.wav" for i in range(10)), "yes/README.txt", "notes.md")
    assert of_folder(tmp_path) == "audio"


def test_a_mixed_folder_is_refused_with_the_counts(tmp_path):
    files(tmp_path, *(f"a/{i}.jpg" for i in range(6)), *(f"b/{i}.wav" for i in range(4)))
    for read in (read_source, list_examples):
        with pytest.raises(DataError, match="must hold examples of one kind, but holds 6 images and 4 recordings"):
            read(tmp_path)


def test_examples_from_python(tmp_path):
    assert of_examples([tmp_path / "a.flac"]) == "audio"
    assert of_examples(["good", "bad"]) == "text"
    assert of_examples([b"RIFF\x00\x00\x00\x00WAVEfmt "]) == "audio"
    assert of_examples([b"\xff\xd8\xff\xe0"]) == "image"
    with pytest.raises(DataError, match="the list must hold examples of one kind, but holds 1 image and 1 text"):
        of_examples([b"\xff\xd8\xff\xe0", "a text"])


def test_a_classifier_is_given_its_own_kind():
    check_modality("text", "text", "x")
    with pytest.raises(DataError, match=r"names texts, but x holds images; give it texts, or take a classifier of im"):
        check_modality("image", "text", "x")
