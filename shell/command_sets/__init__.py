"""The commands of the shell, a family a module: each a tuple COMMANDS, joined in `shell/commands.py`."""
