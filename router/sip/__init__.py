"""Our own SIP signalling: transport, transactions, dialogs, legs; session descriptions are passed through."""
