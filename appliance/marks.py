"""What begins a line by which a process of one task tells something to whoever started it.

Other lines are for the log. Apart from the processes, so that nobody loads what they need.
"""

BACKUP = "backup: "
JOURNAL = "journal: "
REPAIR = "repair: "
RESTORE = "restore: "
