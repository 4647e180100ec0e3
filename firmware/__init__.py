"""Releases of the appliance: what runs here, and what may follow it."""
