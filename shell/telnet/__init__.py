"""The Telnet server: telnetlib3 and prompt_toolkit, hardened, behind the terminal the shell knows."""
