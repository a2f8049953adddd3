"""Lets ``python -m app.cli`` be the command."""

from app.cli import main

main()
