"""Wires the rooms into processes and supervises them."""
