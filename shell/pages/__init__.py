"""What the menu's entries show and do, each also as commands."""
