"""The self test: what is looked at before anybody writes a bug report."""
