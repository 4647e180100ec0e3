"""What a trace is made of. Pure, on the standard library alone: the router's process imports it too."""
