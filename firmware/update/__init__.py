"""Updates as they come: whose they are, whether they are whole, what they would do here."""
