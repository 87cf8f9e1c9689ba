"""Certificates: the hierarchy, requests, issuing, and the judgement of what others issued.

Never sockets, OCPP messages or the current time.  CA keys are used in `ocppsec.certificates.signing` alone.
"""
