"""Rows out of a damaged SQLite file, page by page; the file itself is never written."""

from db.salvage.declared import schema_of
from db.salvage.rebuild import Rebuilt, rebuild
from db.salvage.recover import Salvaged, salvage
from db.salvage.report import Lost, Range, Report, TableReport
from db.salvage.shapes import Schema

__all__ = [
    "Lost",
    "Range",
    "Rebuilt",
    "Report",
    "Salvaged",
    "Schema",
    "TableReport",
    "rebuild",
    "salvage",
    "schema_of",
]
