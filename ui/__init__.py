"""The page: static files only, served as they are."""

from pathlib import Path

STATIC = Path(__file__).resolve().parent / "static"
"""Folder of the page's files."""
