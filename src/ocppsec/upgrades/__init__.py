"""One station's way up: profile 1 → 2 → 3, as a pure machine (see `ocppsec.upgrades.workflow`)."""
