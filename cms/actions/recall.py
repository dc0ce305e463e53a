"""Makes rows of articles that the log has and whose files are away, so that a pass sees them go and tells of it.

Tables that are made anew know nothing of a file that went meanwhile, nor of one that somebody was renaming. And should
very many be away, the site goes on with them, as it does while it runs, until somebody says that they are meant to go.
"""

from __future__ import annotations

from cms.actions.absorb import File, Origin, absorb_article
from cms.context import Context
from cms.database import history
from cms.database.engine import write
from cms.model import article as article_file


def recall(ctx: Context) -> None:
    """Do so once all files that are there have rows."""
    with write(ctx.database) as tx:
        for change in history.without_row(tx):
            article = article_file.read(change.key, change.text, change.version, ctx.settings.limits)
            absorb_article(ctx, tx, File(article, change.text, ""), Origin("files", "files"))
