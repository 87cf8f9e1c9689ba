"""The endpoint: doors, TLS, sessions, and the loops that carry out what the pure rooms decide.

Nothing here decides who may enter (`profiles`), what an upgrade does next (`upgrades`) or what may be signed
(`certificates`); nothing here writes SQL or HTML.
"""
