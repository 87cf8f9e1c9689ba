"""One WebSocket that carries one OCPP-J conversation, for either role.

The asyncio shell around `ocppsec.ocppj.connection`: it assembles messages out of frames, inflates them within a
limit, gives every CALL a deadline, and closes in good order.  It does not know who the peer is, what it may do,
or what TLS was used; CSMS, station and audit all stand on it.
"""
