"""Forms made to hurt are refused, or cost nothing: the catalogue's IB-38 and IB-39, and what an upload costs."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
import urllib3
from flask.testing import FlaskClient
from PIL import Image

from cms.context import Context
from cms.model.limits import MIB
from tests.api.editing import problem
from tests.api.test_images import IMAGES, picture
from tests.components import children, cms, cms_server
from tests.conftest import state_of

BOUNDARY = b"a-boundary"
FORM = f"multipart/form-data; boundary={BOUNDARY.decode()}"
END = b"--" + BOUNDARY + b"--\r\n"
NAMED = b'Content-Disposition: form-data; name="files"; filename="a.jpg"'
INNER = b"--inner\r\n" + NAMED + b"\r\n\r\n" + picture() + b"\r\n--inner--"
NESTED = b"\r\nContent-Type: multipart/mixed; boundary=inner"


def part(head: bytes, body: bytes) -> bytes:
    return b"--" + BOUNDARY + b"\r\n" + head + b"\r\n\r\n" + body + b"\r\n"


def file(name: bytes = b"a.jpg", body: bytes = picture(), more: bytes = b"") -> bytes:
    return part(b'Content-Disposition: form-data; name="files"; filename="' + name + b'"' + more, body)


def text(name: bytes, value: bytes) -> bytes:
    return part(b'Content-Disposition: form-data; name="' + name + b'"', value)


FOLDER = text(b"folder", b"new")

FLOODS: list[tuple[str, bytes, str, int]] = [
    ("1,001 files", FOLDER + file() * 1001 + END, FORM, 413),
    ("1,001 fields", FOLDER * 1001 + file() + END, FORM, 413),
    ("a field of 2 MB", text(b"folder", b"n" * 2_000_000) + file() + END, FORM, 413),
    ("no boundary", FOLDER + file() + END, "multipart/form-data", 400),
    ("an empty boundary", FOLDER + file() + END, "multipart/form-data; boundary=", 400),
    ("a boundary of 100 kB", FOLDER + file() + END, "multipart/form-data; boundary=" + "y" * 100_000, 422),
    ("another boundary", FOLDER + file() + END, "multipart/form-data; boundary=other", 422),
    ("no body", b"", FORM, 422),
    ("no end", FOLDER + file(), FORM, 422),
    ("broken off in the second file", FOLDER + file() + file()[:-100], FORM, 422),
    ("10,000 headers", FOLDER + file(more=b"".join(b"\r\nX-%d: y" % n for n in range(10_000))) + END, FORM, 413),
    ("one header of 1 MB", FOLDER + file(more=b"\r\nX: " + b"y" * 1_000_000) + END, FORM, 413),
    ("headers without an end", FOLDER + END[:-4] + b"\r\n" + NAMED + b"\r\nX: y" * 1_000_000, FORM, 413),
    ("a part without a name", FOLDER + part(b"Content-Disposition: form-data", b"x") + file() + END, FORM, 422),
    ("headers that are none", FOLDER + part(b"\xff\xfe\0", picture()) + END, FORM, 422),
    ("a form in a file", FOLDER + file(body=INNER, more=NESTED) + END, FORM, 415),
    ("a form in a field", FOLDER + part(NAMED.partition(b"; filename")[0] + NESTED, INNER) + END, FORM, 422),
    ("carriage returns", FOLDER + file(body=b"\r" * 5_000_000) + END, FORM, 415),
    ("a carriage return, then megabytes", FOLDER + file(body=b"\r" + b"a" * 5_000_000) + END, FORM, 415),
    ("carriage returns before the first part", b"\r" * 5_000_000 + FOLDER + file() + END, FORM, 413),
    ("line ends", FOLDER + file(body=b"\r\n" * 2_500_000) + END, FORM, 415),
    ("almost boundaries", FOLDER + file(body=(b"\r\n--" + BOUNDARY[:-1]) * 400_000) + END, FORM, 415),
    ("a name that is not UTF-8", FOLDER + file(b"\xff\xfe.jpg") + END, FORM, 422),
    ("an archive", FOLDER + file(b"../x.zip", b"PK\3\4" + b"\0" * 1000) + END, FORM, 415),
]


# Werkzeug leaves the files of a form that it refuses to the garbage collector.
@pytest.mark.filterwarnings("ignore:Unclosed file:ResourceWarning")
@pytest.mark.parametrize(
    ("body", "form", "status"), [flood[1:] for flood in FLOODS], ids=[flood[0] for flood in FLOODS]
)
def test_a_flood_is_refused_and_nothing_is_kept(
    client: FlaskClient, admin: dict[str, str], ctx: Context, body: bytes, form: str, status: int
) -> None:
    before = state_of(ctx)
    problem(client.post(IMAGES, data=body, headers=admin, content_type=form), status)
    assert state_of(ctx) == before


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        (b"../../x.jpg", "x.jpg"),
        (b"..\\\\..\\\\x.jpg", "x.jpg"),
        (b"/etc/cron.d/x.jpg", "x.jpg"),
        (b"a\0b.jpg", "ab.jpg"),
        (b"..", "photo.jpg"),
        (b".htaccess", "htaccess.jpg"),
        (b"n" * 10_000 + b".jpg", "n" * 76 + ".jpg"),
    ],
    ids=["up", "up, as Windows writes it", "from the root", "NUL", "dots", "hidden", "10 kB"],
)
def test_a_name_of_a_file_leads_nowhere_else(
    client: FlaskClient, admin: dict[str, str], site: Path, ctx: Context, name: bytes, stored: str
) -> None:
    before = {path for path in site.parent.rglob("*") if path.is_file()}
    response = client.post(IMAGES, data=FOLDER + file(name) + END, headers=admin, content_type=FORM)
    assert response.status_code == 201, response.text
    assert [item["path"] for item in response.get_json()["items"]] == [f"new/{stored}"]
    after = {path for path in site.parent.rglob("*") if path.is_file()}
    assert {path for path in after - before if ".cms" not in path.parts} == {site / "src/assets/new" / stored}


def test_photos_of_25_mib_are_never_whole_in_the_memory_of_the_server(site: Path, tmp_path: Path, s3_url: str) -> None:
    out = io.BytesIO()
    Image.frombytes("RGB", (2930, 2930), os.urandom(2930 * 2930 * 3)).save(out, "PNG", compress_level=1)
    noise = out.getvalue()
    media = f"s3://photos/{tmp_path.name}"
    with cms_server(site, tmp_path / "log", "--no-worker", CMS_MEDIA=media) as server:
        token = cms(site, "token", "create", "--name", "test", "--scope", "admin", CMS_MEDIA=media).stdout.strip()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": FORM}

        def send(*photos: bytes) -> None:
            body = FOLDER + b"".join(file(body=photo) for photo in photos) + END
            answer = urllib3.request("POST", server.url + IMAGES, body=body, headers=headers, timeout=60, retries=False)
            assert answer.status == 201, answer.data

        send(picture())
        before = peak_memory(server.process.pid, is_forgotten=True)
        send(noise, *[picture() + b"\0" * (25 * MIB - 10_000)] * 3)
        assert peak_memory(server.process.pid) - before < len(noise) // 2


def peak_memory(server: int, *, is_forgotten: bool = False) -> int:
    """The most bytes that the server and its children have held since `is_forgotten` was last asked for."""
    total = 0
    for process in [server, *children(server)]:
        folder = Path(f"/proc/{process}")
        if is_forgotten:
            (folder / "clear_refs").write_text("5")
        (line,) = (line for line in (folder / "status").read_text().splitlines() if line.startswith("VmHWM"))
        total += int(line.split()[1]) * 1024
    return total
