"""What of this folder pytest does not look into."""

from __future__ import annotations

collect_ignore = ["two_databases.py"]
"""Settings that only a process with both databases in its environment can import."""
