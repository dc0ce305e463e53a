"""What goes in and out, for validation and for the spec; a module for each resource.

Published bytes are built in `model` and only described here; a test loads every one of them with these schemas.
"""
