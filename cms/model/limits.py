"""Every limit on what is accepted, in one place; each is a setting (`CMS_MAX_…`) and stands in the spec."""

from __future__ import annotations

from dataclasses import dataclass

from cms.model.yaml_guard import YamlLimits

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    json_bytes: int = 2 * MIB
    article_bytes: int = MIB
    front_matter_bytes: int = 64 * 1024
    front_matter_depth: int = 32
    front_matter_events: int = 20_000
    front_matter_aliases: int = 32
    photo_bytes: int = 25 * MIB
    photo_pixels: int = 64_000_000
    request_files: int = 20
    query_bytes: int = 4096
    search_characters: int = 200
    filter_clauses: int = 10
    filter_values: int = 20
    slug_characters: int = 80
    slug_bytes: int = 180
    writes_per_second: int = 200
    """By one token, in each server process."""
    auth_failures_per_minute: int = 10
    """From one address, in each server process."""

    @property
    def front_matter(self) -> YamlLimits:
        """Return the limits of one front matter."""
        return YamlLimits(
            max_bytes=self.front_matter_bytes,
            max_depth=self.front_matter_depth,
            max_events=self.front_matter_events,
            max_aliases=self.front_matter_aliases,
        )

    @property
    def form_bytes(self) -> int:
        """The largest body that there is: as many photos as one request may have, and the form around them."""
        return self.request_files * self.photo_bytes + MIB
