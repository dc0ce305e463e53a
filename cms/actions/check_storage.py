"""Says what the storage that is configured can do, and whether the public sees only what it should.

Nothing is touched but files and objects of its own, which are removed again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import groupby

from cms.actions import direct_upload, storage_texts
from cms.actions.check_folder import check_folder
from cms.actions.finding import Finding
from cms.actions.storage_places import Part, folders_of, parts_of, settings_of
from cms.settings import Settings
from cms.store import plain_http
from cms.store.s3_access import BucketTrial, PartAccess

Step = Callable[[], Iterable[Finding]]
Progress = Callable[[int, int], None]


def check_storage(settings: Settings, origin: str | None, progress: Progress | None = None) -> list[Finding]:
    """Return what was found out about each folder and bucket, step by step; `origin` is that of a page that is to PUT
    photos into the bucket. `progress` is told of the steps that are done, and of all."""
    steps = list(_steps(settings, origin))
    found: list[Finding] = []
    for number, step in enumerate(steps):
        if progress is not None:
            progress(number, len(steps))
        found += step()
    if progress is not None:
        progress(len(steps), len(steps))
    return found


def is_readable(found: Iterable[Finding]) -> bool:
    """Return whether nothing was found that keeps the site from being read."""
    return not any(one.severity == "error" and one.code in storage_texts.UNREADABLE for one in found)


def _steps(settings: Settings, origin: str | None) -> Iterator[Step]:
    for name, url in folders_of(settings).items():
        yield partial(check_folder, settings, name, url)
    in_order = sorted(parts_of(settings), key=lambda part: part.bucket)
    for bucket, parts in groupby(in_order, key=lambda part: part.bucket):
        yield from _BucketCheck(bucket, list(parts), settings).steps(origin)


class _BucketCheck:
    """The steps for one bucket. Those after the first do nothing when the bucket cannot be reached."""

    def __init__(self, bucket: str, parts: list[Part], settings: Settings) -> None:
        self._url, self._parts = f"s3://{bucket}", parts
        self._names = settings_of(settings, bucket)
        self._trial = BucketTrial(bucket)
        self._is_reached = self._keeps_versions = False
        self._access: dict[Part, PartAccess] = {}

    def steps(self, origin: str | None) -> Iterator[Step]:
        yield self._reach
        for part in self._parts:
            yield partial(self._try, part)
        yield self._compare
        yield self._conditions
        for part in self._parts:
            if part.prefix.endswith(f"/{direct_upload.FOLDER}/") or part.prefix == f"{direct_upload.FOLDER}/":
                yield partial(self._direct_upload, part, origin)
        yield self._tidy

    def _reach(self) -> Iterator[Finding]:
        refusal = self._trial.reach(self._parts[0].prefix)
        if refusal is None or storage_texts.is_of_rights(refusal):
            self._is_reached = True
            yield storage_texts.place(self._url, self._trial.endpoint, self._names, self._parts)
        elif refusal.code != storage_texts.TOO_SKEWED:
            yield storage_texts.not_reached(self._url, refusal, self._trial.explain(refusal))
        if self._trial.clock_s is not None:
            yield from storage_texts.clock(self._url, self._trial.clock_s)

    def _try(self, part: Part) -> Iterable[Finding]:
        if self._is_reached:
            self._access[part] = self._trial.try_part(part.prefix)
        return ()

    def _compare(self) -> Iterator[Finding]:
        yield from storage_texts.rights(self._url, self._access)
        yield from storage_texts.public(self._url, self._access)
        self._keeps_versions = self._is_reached and self._trial.keeps_versions()
        if self._keeps_versions:
            yield storage_texts.versions(self._url)

    def _conditions(self) -> Iterator[Finding]:
        writable = [part for part, access in self._access.items() if not access.refused]
        if writable:
            yield storage_texts.conditions(self._url, self._trial.probe_conditions(writable[0].prefix))

    def _direct_upload(self, part: Part, origin: str | None) -> Iterator[Finding]:
        access = self._access.get(part)
        if access is None or access.refused or "read" in access.anybody.rights:
            return  # what is wrong has been said
        with self._trial.signed_put(part.prefix) as signed:
            answer = plain_http.put(signed.url, signed.body, signed.headers)
            may = None if origin is None else plain_http.may_put_from(signed.url, origin, signed.headers)
        yield from storage_texts.direct_upload(part.url, answer, origin, may)

    def _tidy(self) -> Iterable[Finding]:
        for part in self._access if self._keeps_versions else ():
            self._trial.remove_versions(part.prefix)
        return ()
