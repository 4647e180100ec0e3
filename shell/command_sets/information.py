"""What the appliance is and does: system information, planned restarts, the audit trail."""

from __future__ import annotations

from shell.pages.audit import show_audit
from shell.pages.information import show_info
from shell.pages.jobs import show_jobs
from shell.registry import Command

COMMANDS: tuple[Command, ...] = (
    Command(("show", "info"), "System information", show_info),
    Command(("show", "jobs"), "Planned restarts, and how the last ones went", show_jobs),
    Command(("show", "audit"), "Who logged in, and did what", show_audit),
)
