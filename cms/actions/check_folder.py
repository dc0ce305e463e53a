"""Says what a folder of this machine, in which a site keeps files, can do."""

from __future__ import annotations

from collections.abc import Iterator

from cms.actions.finding import Finding
from cms.model.limits import MIB
from cms.settings import Settings
from cms.store import folder_of
from cms.store.folder_access import FolderAccess, try_folder

FEW_BYTES = 1024 * MIB
"""Less free room than this is told."""


def check_folder(settings: Settings, name: str, url: str) -> Iterator[Finding]:
    """Yield what was found out about the folder, which the setting `name` leads to."""
    folder = folder_of(url)
    path = str(folder)
    try:
        access = try_folder(folder)
    except OSError as error:
        detail = f"{name}: {error.strerror}; make the folder, or mount what it is on"
        yield Finding("error", path, "", detail, "folder_missing")
        return
    kind = access.file_system or "an unknown file system"
    room = f"{access.free_bytes / (1 << 30):,.1f} GiB free"
    yield Finding("info", path, "", f"{name}: a folder on {kind}, {room}", "folder_place")
    yield from _troubles(settings, path, access)


def _troubles(settings: Settings, path: str, access: FolderAccess) -> Iterator[Finding]:
    if access.refused is not None:
        detail = f"nothing can be written here: {access.refused}; run this command and the service as the owner"
        yield Finding("error", path, "", detail, "folder_not_writable")
    elif access.can_exchange:
        detail = "files are replaced in one step, and no edit by another program is overwritten unseen"
        yield Finding("info", path, "", detail, "folder_replace")
    else:
        detail = (
            "this file system cannot exchange two files in one step: an edit by another program in the last moment of a"
            " save can be lost; keep the site on a local file system such as ext4, or edit it by the API alone"
        )
        yield Finding("warning", path, "", detail, "folder_replace")
    if access.free_bytes < FEW_BYTES:
        detail = f"{access.free_bytes // MIB:,} MiB are left; a full disk refuses uploads and saves (507): make room"
        yield Finding("warning", path, "", detail, "folder_almost_full")
    if access.is_network and settings.scan_s > 1:
        detail = "the system does not tell of other machines' edits on a network folder; set CMS_SCAN_S=1"
        yield Finding("warning", path, "", detail, "folder_network")
