"""An office as a YAML file: read with every mistake named by line and field, and written.

An import replaces the whole office. Passwords travel as argon2id hashes: keep such a file private (`save`
makes it readable for its owner only).
"""

from db.transfer.document import Problem
from db.transfer.dump import dump, save
from db.transfer.load import OfficeError, load, load_file

__all__ = ["OfficeError", "Problem", "dump", "load", "load_file", "save"]
