"""What an administrator sees on the Telnet port."""
