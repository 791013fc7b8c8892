"""``python -m stepcache``."""

from stepcache.cli.main import process

process()
