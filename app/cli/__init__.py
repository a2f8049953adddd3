"""The command line: gammahub serve, ingest, demo, query, translate, tables."""

from app.cli.main import main

__all__ = ["main"]
