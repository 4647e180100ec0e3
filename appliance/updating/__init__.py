"""What the supervisor needs for updates: the bundles, the part that is root, what is planned and told."""
