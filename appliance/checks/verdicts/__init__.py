"""What the facts that a check has gathered mean, and what to do about them. Pure: facts in, findings out."""
