"""The processes of the appliance, started, watched and stopped."""
