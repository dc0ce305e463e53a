"""Files whose front matter stands at the edges of what YAML, TOML and Python can say."""

from __future__ import annotations

from itertools import product

FIELDS = "title: t\ndescription: d\ndate: 2025-01-01\nauthor: a\ntags: []\n"
TOML_FIELDS = 'title = "t"\ndescription = "d"\nauthor = "a"\ntags = []\n'

DAYS = ("0001-01-01", "9999-12-31")
TIMES = ("00:00:00", "23:59:59")
OFFSETS = ("", "Z", "-14:00", "+14:00", "-23:59", "+23:59")
MOMENTS = tuple(f"{day}T{time}{offset}" for day, time, offset in product(DAYS, TIMES, OFFSETS))
"""Date-times of the first and the last year; with some offsets, UTC has no such year."""

NUMBERS = (
    "9223372036854775807", "9223372036854775808", "-9223372036854775809", "1e308", "1e309", "-0.0", "9" * 400,
    "9" * 5000, "0x" + "f" * 300, "0b" + "1" * 3000, ".inf", "-.inf", ".nan", "1_000",
)  # fmt: skip
DEPTHS = (30, 33, 500, 900, 960, 1000, 5000)


def yaml_file(lines: str) -> bytes:
    """Return a whole article with these lines of front matter beside the required fields."""
    return f"---\n{FIELDS}{lines}\n---\nx\n".encode()


def toml_file(lines: str) -> bytes:
    """As `yaml_file`, in TOML; `date` is not among the fields."""
    return f"+++\n{TOML_FIELDS}{lines}\n+++\nx\n".encode()


def files() -> dict[str, bytes]:
    """Return the files by name, some of which are right and some of which are not."""
    found: dict[str, bytes] = {}
    for number, moment in enumerate(MOMENTS):
        found[f"plain-{number}"] = yaml_file(f"extra: {moment}")
        found[f"quoted-{number}"] = yaml_file(f'extra: "{moment}"\nlist: ["{moment}", {moment}]')
        found[f"toml-{number}"] = toml_file(f"date = {moment}")
        found[f"toml-list-{number}"] = toml_file(f'date = 2025-01-01\nlist = [{moment}]\ntext = "{moment}"')
        found[f"due-{number}"] = f'---\ntitle: t\ndescription: d\ndate: "{moment}"\nauthor: a\ntags: []\n---\n'.encode()
    for number, value in enumerate(NUMBERS):
        found[f"number-{number}"] = yaml_file(f"extra: {value}\nlist: [{value}]")
        found[f"toml-number-{number}"] = toml_file(f"date = 2025-01-01\nextra = {value.replace('.', '')}")
    for depth in DEPTHS:
        found[f"deep-{depth}"] = yaml_file(f"extra: {'[' * depth}{']' * depth}")
        found[f"deep-map-{depth}"] = yaml_file(f"extra: {'{a: ' * depth}1{'}' * depth}")
        found[f"toml-deep-{depth}"] = toml_file(f"date = 2025-01-01\nextra = {'[' * depth}{']' * depth}")
        found[f"quotes-{depth}"] = yaml_file("") + b"> " * depth + b"x\n"
    found["dots"] = b"---\na: [\n---\n" + b"../" * 100_000
    found["nothing"] = b""
    found["zeros"] = b"\0" * 1000
    found["no-utf-8"] = b"---\ntitle: \xff\n---\n"
    return found


IMPOSSIBLE = tuple(moment for moment in MOMENTS if moment[:4] == "0001" and "+" in moment and "T00" in moment) + tuple(
    moment for moment in MOMENTS if moment[:4] == "9999" and moment[19:20] == "-" and "T23" in moment
)
"""Those of the `MOMENTS` that UTC does not have."""
