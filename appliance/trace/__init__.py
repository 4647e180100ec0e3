"""What the processes do, recorded while somebody looks."""
