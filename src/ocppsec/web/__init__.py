"""People's and programs' view of the CSMS: the HTTP API.  No rules, no SQL and no TLS decisions live here."""
