"""The clock of the machine: whose it is to set, says the configuration."""
