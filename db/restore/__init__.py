"""A backup in the place of the present state, whole or by kind: all of it, or nothing."""
