"""The commands, as an operator types them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from cms.cli import main
from tests.components import cms


def test_a_site_without_faults_has_no_findings(site: Path) -> None:
    result = cms(site, "check")
    assert (result.returncode, result.stdout) == (0, "No problems.\n")


def test_check_names_every_fault_and_ends_with_1(site: Path) -> None:
    news = site / "src/content/news/en"
    (news / "broken.md").write_text("---\ntitle: [\n---\n")
    (news / "zz-river.md").write_text("---\nslug: en/river-bus\n---\n")
    (news / "number.md").write_text("---\ntitle: 12\ndescription: d\ndate: 2025-01-01\nauthor: a\ntags: []\n---\n")
    (site / "src/assets/news/opening-day/photo-1.jpg").rename(site / "src/assets/news/unused.jpg")
    river = (news / "river-bus.md").read_text()
    (news / "river-bus.md").write_text(
        river.replace("The boat leaves the market landing", "photo 3").replace(
            "Children choose their books", "The far bank in the afternoon"
        )
    )
    result = cms(site, "check", "--json")
    assert result.returncode == 1
    found = {
        (finding["path"].removeprefix("src/content/news/"), finding["code"]) for finding in json.loads(result.stdout)
    }
    assert found == {
        ("en/broken.md", "yaml_syntax"),
        ("en/number.md", "type"),
        ("en/zz-river.md", "id_collision"),
        ("src/content/news", "translation_missing"),
        ("en/river-bus.md", "alt_text_empty"),
        ("en/river-bus.md", "alt_text_repeated"),
        ("src/assets/news/unused.jpg", "image_unused"),
        ("en/opening-day.md", "image_missing"),
        ("km/opening-day.md", "image_missing"),
    }
    table = cms(site, "check")
    assert table.returncode == 1
    lines = [line.split(maxsplit=3) for line in table.stdout.splitlines()]
    assert ["error", "type", "/data/title:", "has to be text"] in lines
    assert table.stdout.startswith("5 errors, 5 warnings:\n")
    errors = json.loads(cms(site, "check", "--json", "--errors").stdout)
    assert {finding["severity"] for finding in errors} == {"error"}
    assert (news / "broken.md").read_text() == "---\ntitle: [\n---\n"


def test_check_counts_first_and_shows_errors_first_and_few(site: Path) -> None:
    news = site / "src/content/news/en"
    fields = "description: d\ndate: 2025-01-01\nauthor: a\ntags: []\n"
    for number in range(150):
        text = f"---\ntitle: t{number}\n{fields}---\n\n![photo](/src/assets/news/river-bus/photo-1.jpg)\n"
        (news / f"only-{number:03}.md").write_text(text)
    (news / "zz.md").write_text("---\ntitle: [\n---\n")
    lines = cms(site, "check").stdout.splitlines()
    totals = [tuple(line.split()) for line in lines[1 : lines.index("")]]
    assert totals == [
        ("1", "error", "yaml_syntax"), ("150", "warning", "alt_text_empty"), ("1", "warning", "translation_missing"),
    ]  # fmt: skip
    assert lines[lines.index("") + 1] == "src/content/news/en/zz.md"
    shown = [line for line in lines[lines.index("") :] if line.startswith(("  error", "  warning"))]
    assert (len(shown), lines[-1].partition(" are")[0]) == (100, "100 of 152")
    every = cms(site, "check", "--max", "0").stdout.splitlines()
    assert len([line for line in every if line.startswith(("  error", "  warning"))]) == 152
    assert len(json.loads(cms(site, "check", "--json", "--max", "3").stdout)) == 3


def test_missing_translations_are_one_finding_a_locale_unless_they_are_asked_for(site: Path) -> None:
    for number in range(5):
        text = "---\ntitle: t\ndescription: d\ndate: 2025-01-01\nauthor: a\ntags: []\n---\n"
        (site / f"src/content/news/km/only-{number}.md").write_text(text)

    def found(*options: str) -> list[tuple[str, str]]:
        result = cms(site, "check", "--json", *options)
        return [(one["path"], one["detail"]) for one in json.loads(result.stdout)]

    summed = "5 of 8 articles are not published in en: km/only-0, km/only-1, km/only-2, …"
    assert found() == [("src/content/news", summed)]
    each = found("--code", "translation_missing")
    assert each == [(f"src/content/news/km/only-{number}.md", "is not published in en") for number in range(5)]
    assert found("--code", "image_missing") == []


def test_the_first_sync_counts_the_files_that_made_the_index(site: Path) -> None:
    number = len([path for path in (site / "src").rglob("*") if path.suffix in (".md", ".jpg", ".webp", ".png")])
    shutil.rmtree(site / ".cms", ignore_errors=True)
    assert f"{number} files read" in cms(site, "sync").stdout
    assert "0 files read" in cms(site, "sync").stdout


def test_tokens_are_listed_and_revoked_by_id(site: Path) -> None:
    made = cms(site, "token", "create", "--name", "Desk 1", "--scope", "articles:write:news", "--scope", "read")
    token_id = made.stdout.split("_")[1]
    assert cms(site, "token", "list").stdout == f"{token_id}  Desk 1  articles:write:news read  never used\n"
    assert cms(site, "token", "revoke", token_id).returncode == 0
    assert cms(site, "token", "list").stdout == ""
    again = cms(site, "token", "revoke", token_id)
    assert (again.returncode, again.stderr) == (1, "Error: There is no such token.\n")
    wrong = cms(site, "token", "create", "--name", "n", "--scope", "root")
    assert wrong.returncode == 1
    assert "'root' is no scope" in wrong.stderr


def test_sync_says_what_it_took_over_and_asks_before_many_deletions(site: Path) -> None:
    assert cms(site, "sync").returncode == 0
    for path in (site / "src/content/news").rglob("*.md"):
        path.unlink()
    held = cms(site, "sync")
    assert held.returncode == 1
    assert "7 of 7 files of src/content/news are not there any more" in held.stderr
    accepted = cms(site, "sync", "--accept-deletions")
    assert (accepted.returncode, accepted.stdout) == (0, "0 files read, 7 deletions taken over.\n")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"CMS_SITE": "/nowhere"}, "CMS_SITE: /nowhere has no folder src/content"),
        ({"CMS_SITE": "s3://bucket"}, "CMS_DATABASE: a site in a bucket needs one"),
        ({"CMS_SITE": "ftp://x"}, "CMS_SITE: give a folder"),
        ({"CMS_SITE": "s3://bucket", "CMS_GIT": "commit"}, "CMS_GIT: a site in a bucket is in no git work tree"),
        ({"CMS_MEDIA": "ftp://x"}, "CMS_MEDIA: give a folder or s3://"),
        ({"CMS_DATABASE": "mysql://x"}, "CMS_DATABASE: give sqlite:///path or postgresql+psycopg://"),
        ({"CMS_PUBLIC_READ": "maybe"}, "CMS_PUBLIC_READ: write true or false"),
        ({"CMS_TIMEZONE": "Phnom Penh"}, "CMS_TIMEZONE: name a time zone"),
        ({"CMS_TIMEZONE": "../etc/passwd"}, "CMS_TIMEZONE: name a time zone"),
        ({"CMS_TIMEZONE": ""}, "CMS_TIMEZONE: name a time zone"),
        ({"CMS_MEDIA_URL": "cdn"}, "CMS_MEDIA_URL: give the public base"),
        ({"CMS_PUBLIC_URL": "cms.example.org"}, "CMS_PUBLIC_URL: give the address of this service"),
        ({"CMS_PUBLIC_URL": "https://me:secret@cms.example.org"}, "CMS_PUBLIC_URL: give the address"),
        ({"CMS_PUBLIC_URL": "https://cms.example.org/?x"}, "CMS_PUBLIC_URL: give the address"),
        ({"CMS_MAX_PHOTO_BYTES": "-1"}, "CMS_MAX_PHOTO_BYTES: write a whole number, at least 1"),
        ({"CMS_CACHE_MB": "some"}, "CMS_CACHE_MB: write a whole number, at least 0"),
        ({"CMS_MEDIAURL": "x"}, "CMS_MEDIAURL: there is no such setting"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(site: Path, settings: dict[str, str], said: str) -> None:
    result = CliRunner().invoke(main, ["check"], env={"CMS_SITE": str(site), **settings})
    assert result.exit_code == 1
    assert said in result.stderr
    assert not (site / ".cms").exists()


def test_all_wrong_settings_are_named_at_once(site: Path) -> None:
    result = cms(site, "serve", CMS_PUBLIC_READ="x", CMS_MEDIA="x://", CMS_DATABASE="x")
    assert all(name in result.stderr for name in ("CMS_PUBLIC_READ", "CMS_MEDIA", "CMS_DATABASE"))


def test_a_limit_is_a_setting(site: Path) -> None:
    (site / "src/content/news/en/long.md").write_text("---\ntitle: a\n---\n" + "x" * 200)
    result = cms(site, "check", "--json", CMS_MAX_ARTICLE_BYTES="100")
    findings = [finding for finding in json.loads(result.stdout) if finding["severity"] == "error"]
    assert {finding["code"] for finding in findings} == {"article_too_large"}
