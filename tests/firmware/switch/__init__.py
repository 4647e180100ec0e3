"""What is root in an update."""
