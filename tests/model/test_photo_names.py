"""What an uploaded photo is called."""

from __future__ import annotations

from itertools import islice

import pytest

from cms.model.limits import Limits
from cms.model.photo_names import candidates

NUMBERED = {"photo-1.jpg", "photo-2.jpg", "photo-7.png", "thumbnail.jpg"}


def first(sent: str, taken: set[str]) -> str:
    return next(candidates(sent, "jpg", taken, Limits()))


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("Group Photo.JPG", "group-photo.jpg"),
        ("ថ្ងៃ បើក.png", "ថ្ងៃ-បើក.jpg"),
        (r"C:\fakepath\a b.jpeg", "a-b.jpg"),
        ("../../etc/passwd", "passwd.jpg"),
        ("....", "photo.jpg"),
        ("", "photo.jpg"),
        ("CON.jpg", "photo.jpg"),
        ("IMG_1234.JPG", "img_1234.jpg"),
        ("photo-1.jpg", "photo-1.jpg"),
    ],
)
def test_the_editor_names_it(sent: str, name: str) -> None:
    assert first(sent, set()) == name


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("IMG_1234.JPG", "photo-8.jpg"),
        ("DSC01234.jpg", "photo-8.jpg"),
        ("PXL_20250624_101112123.jpg", "photo-8.jpg"),
        ("IMG-20250624-WA0001.jpg", "photo-8.jpg"),
        ("20250624_101112.jpg", "photo-8.jpg"),
        ("photo-1.jpg", "photo-8.jpg"),
        ("photo-3.jpg", "photo-3.jpg"),
        ("thumbnail.jpg", "thumbnail-2.jpg"),
        ("report-2024.jpg", "report-2024.jpg"),
        ("Minister 2.jpg", "minister-2.jpg"),
    ],
)
def test_where_photos_are_counted_a_cameras_name_becomes_the_next_number(sent: str, name: str) -> None:
    assert first(sent, NUMBERED) == name


def test_no_name_is_taken_also_by_case() -> None:
    free = candidates("Boat.jpg", "jpg", {"BOAT.jpg", "boat-2.JPG"}, Limits())
    assert list(islice(free, 2)) == ["boat-3.jpg", "boat-4.jpg"]
