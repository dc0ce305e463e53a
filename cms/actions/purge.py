"""Takes a secret that was committed once out of all that is kept: history, working copies, answers, and what is left of
files; or a photo out of the trash.

Nothing is purged while the secret still stands in an article: that is corrected first.
"""

from __future__ import annotations

import mmap
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cms.actions import late_photos, renditions, trash
from cms.actions.develop import ORIGINALS
from cms.actions.photo_files import delete_from
from cms.actions.reconcile import Reconciler
from cms.actions.start import settle
from cms.actions.survey import find as find_file
from cms.context import Context
from cms.database import git, purging
from cms.database import trash as trash_rows
from cms.database.engine import read, write
from cms.errors import InUse, Invalid, NotReady
from cms.model.ids import ASSETS
from cms.store.directory import DirectoryStore

LEAST_CHARACTERS = 6
_KEPT_BESIDE = "*.kept-*"


@dataclass(slots=True)
class Purged:
    """In words: what was taken out, or would be, and which files hold it still."""

    out: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def purge(ctx: Context, secret: str, *, is_dry_run: bool = False) -> Purged:
    """`InUse` while it stands where editors put it, `NotReady` while git has still to commit it."""
    if len(secret) < LEAST_CHARACTERS:
        raise Invalid(f"Give at least {LEAST_CHARACTERS} characters: all that holds them is taken out of the history.")
    forms = purging.forms_of(secret)
    settle(Reconciler(ctx))
    with read(ctx.database) as tx:
        held = purging.find(tx, forms)
    beside = list(_kept_beside(ctx, forms))
    done = Purged(_told(held) + [f"the file {path}" for path in beside])
    if is_dry_run:
        done.left = [f"{place}: correct it first" for place in held.stays]
        return done
    _take_out(ctx, forms)
    for path in beside:
        path.unlink()
    for trash_id in held.trash:
        trash.remove(ctx, trash_id)
    purging.compact(ctx.database)
    ctx.database.dispose()  # its locks end when somebody else in this process closes the file, as we do now
    done.left = [str(path) for path in _files(ctx) if _has(path, forms)]
    return done


def purge_photo(ctx: Context, path: str, *, is_dry_run: bool = False) -> Purged:
    """Of a photo that is gone: what the trash, the originals and the variants have of it. `InUse` while it is there."""
    if find_file(ctx, ASSETS + path) is not None:
        raise InUse(f"{path} is still there: delete it first.", used_by=[path])
    with read(ctx.database) as tx:
        rows = trash_rows.page(tx, trash_rows.Wanted(path=path), None, None)
    originals = [stat.key for stat in ctx.private.list(f"{ORIGINALS}/{path}")]
    done = Purged([f"{path} in the trash"] * len(rows) + [f"the original {key}" for key in originals])
    if not is_dry_run:
        for row in rows:
            trash.remove(ctx, row.id)
            renditions.discard(ctx, row.sha256)
        for key in originals:
            delete_from(ctx.private, key)
        late_photos.forget(ctx, path)
    return done


def _take_out(ctx: Context, forms: Sequence[bytes]) -> None:
    with write(ctx.database) as tx:
        held = purging.find(tx, forms)
        if held.stays:
            raise InUse(f"It still stands in {', '.join(held.stays)}: correct that first.", used_by=held.stays)
        state = git.state(tx)
        if state is not None and any(row.seq > state.seq for row in held.changes):
            raise NotReady("Git has still to commit what holds it; run this again in a moment.")
        purging.take_out(tx, held, forms)


def _told(held: purging.Held) -> list[str]:
    revisions: dict[str, list[str]] = defaultdict(list)
    for row in held.changes:
        revisions[f"{row.collection}/{row.name}".lstrip("/")].append(str(row.seq))
    told = [f"{name}: the text of seq {', '.join(numbers)}" for name, numbers in sorted(revisions.items())]
    told += [f"the working copy of {row.collection}/{row.name}" for row in held.drafts]
    numbers = {
        "deleted photo(s)": len(held.trash),
        "kept answer(s)": len(held.answers),
        "webhook answer(s)": len(held.deliveries),
    }
    return told + [f"{number} {name}" for name, number in numbers.items() if number]


def _kept_beside(ctx: Context, forms: Sequence[bytes]) -> Iterator[Path]:
    """What two programs wrote over each other, and was kept beside the article."""
    if isinstance(ctx.site, DirectoryStore):
        for path in sorted((ctx.site.root / "src").rglob(_KEPT_BESIDE)):
            if path.is_file() and not path.is_symlink() and _has(path, forms):
                yield path


def _files(ctx: Context) -> Iterator[Path]:
    """Where it might be left: in our own folder, beside the database, in the site."""
    database = Path(str(ctx.database.url.database))
    beside = database.parent.glob(f"{database.name}*") if ctx.database.dialect.name == "sqlite" else ()
    below = [ctx.site.root / name for name in (".cms", "src")] if isinstance(ctx.site, DirectoryStore) else []
    yield from sorted({*beside, *(path for folder in below for path in folder.rglob("*"))})


def _has(path: Path, forms: Sequence[bytes]) -> bool:
    if not path.is_file() or path.is_symlink() or not path.stat().st_size:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return any(data.find(form) >= 0 for form in forms)
