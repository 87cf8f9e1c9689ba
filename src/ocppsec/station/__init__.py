"""The other side: a charging station, correct by OCPP 2.0.1 as far as security reaches.

Rules are pure functions over what the station remembers (`remembered`): the device model (`variables`), network
profiles (`slots`), roots and own certificates (`trust`, `own_certificates`), security events, and which slot to
dial next (`attempts`).  `behaviour` finds the answer to each CALL of a CSMS by one table; `station` is the
asyncio shell that dials, boots, answers and carries out what follows.  Nothing here knows whose CSMS it talks to.
"""
