"""PJSUA2, the SIP library. `signalling` needs it at import; `build` makes it and does not."""
