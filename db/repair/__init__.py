"""Repair of a damaged store: what is wrong with it, a new one of what is left, and the exchange of the
two."""
