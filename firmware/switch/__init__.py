"""The part of an update that is root: which program runs, which slot is started, and the way back."""
