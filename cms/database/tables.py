"""The tables that are kept: what only the database knows.

They change by numbered migrations (`migrations.py`) and belong in the backup. Times are seconds since the epoch.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, LargeBinary, MetaData, Row, Table, Text

AnyRow = Row[*tuple[Any, ...]]

kept = MetaData()

log = Table(
    "log",
    kept,
    Column("id", Integer, primary_key=True),
    Column("epoch", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
)

changes = Table(
    "changes",
    kept,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("time", Float(53), nullable=False),
    Column("actor", Text, nullable=False),
    Column("source", Text, nullable=False),  # api, files, git, clock, restore
    Column("subject", Text, nullable=False),  # article, image
    Column("collection", Text, nullable=False),  # "" for an image
    Column("name", Text, nullable=False),  # an article's id, an image's path
    Column("key", Text, nullable=False),
    Column("action", Text, nullable=False),  # created, updated, deleted
    Column("version", Text, nullable=False),
    Column("digest", Text, nullable=False),  # "" for what the feed cannot show: deleted, broken, an image
    Column("text", LargeBinary),  # an article's file, byte for byte
    Column("visible_before", Boolean, nullable=False),
    Column("visible_after", Boolean, nullable=False),
    Column("other", Text),  # of a rename: the new id where the old one is deleted, the old one where the new is created
    Column("message", Text),  # what the editor said of it
    Column("is_silent", Boolean, nullable=False),  # what the public sees is the same as before: a comment, say
    Column("logged_at", Float(53), nullable=False),  # while `time` may be the file's own
    Column("purged_at", Float(53)),  # when its text, or what was said of it, was taken out for good
    Column("nonce", Text, nullable=False),  # random, in cursors; "" of changes from before there were any
    Index("changes_by_subject", "subject", "collection", "name", "seq"),
)

tokens = Table(
    "tokens",
    kept,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("created_at", Float(53), nullable=False),
    Column("expires_at", Float(53)),
    Column("last_used_at", Float(53)),  # to the hour; null when it never was
)

webhooks = Table(
    "webhooks",
    kept,
    Column("id", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("quiet_s", Float(53), nullable=False),
    Column("max_wait_s", Float(53), nullable=False),
    Column("created_at", Float(53), nullable=False),
    Column("seq", BigInteger, nullable=False),  # told up to here
    Column("leased_until", Float(53), nullable=False),
    Column("retry_at", Float(53), nullable=False),
    Column("failures", Integer, nullable=False),
    Column("events", Text, nullable=False),  # what it is told of, with spaces between
    Column("ref", Text),  # the branch or tag that a pipeline runs on
    Column("old_secret", Text),  # signs beside the secret that took its place
    Column("old_secret_until", Float(53), nullable=False),
    Column("told_at", Float(53), nullable=False),  # the last answer of 2xx to what is new
    Column("urgent_seq", BigInteger, nullable=False),  # somebody has asked that this be told at once
    Column("failing_since", Float(53)),
    Column("last_status", Integer),  # of the last attempt, null when there was no answer
    Column("overdue_told", Float(53), nullable=False),  # when what it was last told of as overdue began
)

deliveries = Table(
    "deliveries",
    kept,
    Column("id", Text, primary_key=True),
    Column("webhook_id", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("time", Float(53), nullable=False),
    Column("first_seq", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("status", Integer),  # the HTTP status, null when there was no answer
    Column("error", Text),
    Column("duration_ms", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("answer", Text),  # how what was answered begins
    Index("deliveries_by_webhook", "webhook_id", "time"),
)

builds = Table(
    "builds",
    kept,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),  # the public sees what was published up to here
    Column("time", Float(53), nullable=False),  # since then
)

intents = Table(
    "intents",
    kept,
    Column("id", Text, primary_key=True),
    Column("time", Float(53), nullable=False),
    Column("actor", Text, nullable=False),
    Column("old_key", Text, nullable=False),
    Column("old_version", Text, nullable=False),
    Column("new_key", Text, nullable=False),
    Column("new_version", Text, nullable=False),  # "" for a deletion
    Column("given_up_at", Float(53)),  # since then it may not be any more, or again, but may still come
    Column("seq", BigInteger),  # the log's, then
    Column("part_of", Text),  # the id of the intent with which it happens together, or not at all
    Index("intents_by_new_key", "new_key"),
)

leases = Table(
    "leases",
    kept,
    Column("name", Text, primary_key=True),  # of work that one node does for all
    Column("holder", Text, nullable=False),
    Column("until", Float(53), nullable=False),
)

heartbeats = Table(
    "heartbeats",
    kept,
    Column("process", Text, primary_key=True),
    Column("time", Float(53), nullable=False),
    Column("steps", Text, nullable=False),  # JSON
)

image_fields = Table(
    "image_fields",
    kept,
    Column("path", Text, primary_key=True),
    Column("fields", Text, nullable=False),
)

image_homes = Table(
    "image_homes",
    kept,
    Column("path", Text, primary_key=True),
    Column("collection", Text, primary_key=True),  # "" where it is known that there is none
    Column("sent_by", Text),  # the id of the token that sent the photo; null where it was put by hand
    Index("image_homes_by_collection", "collection"),
)

trash = Table(
    "trash",
    kept,
    Column("id", Text, primary_key=True),
    Column("time", Float(53), nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),  # deleted, replaced
    Column("path", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("fields", Text, nullable=False),
    Column("json", Text, nullable=False),  # the image as it was shown
    Index("trash_by_path", "path"),
)

uploads = Table(
    "uploads",
    kept,
    Column("id", Text, primary_key=True),
    Column("expires_at", Float(53), nullable=False),
    Column("article", Text),  # where the photo goes: beside an article's, or into a folder
    Column("folder", Text),
    Column("keeps_credit", Boolean, nullable=False),
    Column("name", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("path", Text),  # of the photo, once it is taken in
)

answers = Table(
    "answers",
    kept,
    Column("token_id", Text, primary_key=True),
    Column("key", Text, primary_key=True),  # the client's Idempotency-Key
    Column("time", Float(53), nullable=False),
    Column("request", Text, nullable=False),  # the digest of what was asked
    Column("status", Integer),  # null while it is being answered
    Column("headers", Text),
    Column("body", Text),
)

notices = Table(
    "notices",
    kept,
    Column("name", Text, primary_key=True),
    Column("detail", Text, nullable=False),
    Column("since", Float(53), nullable=False),
)

git = Table(
    "git",
    kept,
    Column("id", Integer, primary_key=True),
    Column("seq", BigInteger, nullable=False),  # committed up to here
    Column("indexed", Text),  # the commit that the work tree's index was made to show
    Column("pull_asked", Float(53)),  # null when nobody asks
    Column("step_from", Text),  # the branch's move that is under way: from this commit
    Column("step_to", Text),  # to this one
    Column("step_seq", BigInteger),  # which commits the log up to here; null when it brings developers' commits
)

conflicts = Table(
    "conflicts",
    kept,
    Column("path", Text, primary_key=True),  # below the top of the repository
    Column("key", Text),  # below the site, null for a file outside of it
    Column("time", Float(53), nullable=False),
    Column("seq", BigInteger, nullable=False),  # the log's, when it came up
    Column("author", Text, nullable=False),
    Column("commit_id", Text, nullable=False),
    Column("base", LargeBinary),  # null where there is no file
    Column("ours", LargeBinary),
    Column("theirs", LargeBinary),
)

drafts = Table(
    "drafts",
    kept,
    Column("collection", Text, primary_key=True),
    Column("name", Text, primary_key=True),  # the article's id
    Column("base_version", Text, nullable=False),  # of the article's file, when the copy was begun
    Column("version", Text, nullable=False),
    Column("text", LargeBinary, nullable=False),
    Column("warnings", Text, nullable=False),  # what a publish would be refused for, or is told of
    Column("actor", Text, nullable=False),
    Column("time", Float(53), nullable=False),
)

draft_images = Table(
    "draft_images",
    kept,
    Column("collection", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("path", Text, primary_key=True),  # of a photo that the working copy shows
    Index("draft_images_by_path", "path"),
)

previews = Table(
    "previews",
    kept,
    Column("id", Text, primary_key=True),
    Column("digest", Text, nullable=False),  # of the secret in the link
    Column("collection", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("created_at", Float(53), nullable=False),
    Column("expires_at", Float(53), nullable=False),
    Column("token_id", Text),  # of the token that made it; null for links from before this was noted
    Index("previews_by_digest", "digest"),
    Index("previews_by_name", "collection", "name"),
)
