"""Who rings, in which order: pure decisions, and the thin adapters that carry them out."""
