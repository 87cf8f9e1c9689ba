"""The judge: black-box audits of a CSMS (`csms`) and of a station (`stations`), over the wire alone.

Nothing of our own CSMS is used here, neither its code nor its decisions: what we would do is no evidence of what
is right.  A check asks, looks at what comes back, and gives one of five verdicts; only `pass` counts as a pass.
"""
