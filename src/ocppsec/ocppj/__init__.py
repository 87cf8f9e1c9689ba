"""OCPP-J 2.0.1 without I/O: frames, errors, whose turn it is, and the messages we act on.

Pure values and one small state machine (`connection`); never asyncio, TLS, policy or a clock.  Every message is
validated against the official JSON schemas in both directions.
"""
