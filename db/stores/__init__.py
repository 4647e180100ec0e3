"""What the store keeps, one file a subject: rows in and out of the values the other rooms know."""
