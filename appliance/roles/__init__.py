"""One file wires one process, and holds no logic."""
