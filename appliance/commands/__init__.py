"""What each `callisto` command does; `appliance/cli.py` says how they are called."""
