"""How the processes speak with each other: one Unix socket, JSON lines; requests, replies, events."""
