"""Databases, clocks, remotes and backups that misbehave beyond one healthy machine."""
