"""Backups of the store and of what belongs to it: one archive, made, read back and proven.

What is in it and why: docs/decisions/0015.
"""
