"""The web service: the login window and the status of the appliance."""
