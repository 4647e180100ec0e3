"""The system variables: what they are called, which values are right, what they mean. Pure."""
