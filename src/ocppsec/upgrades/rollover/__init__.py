"""One CSMS root follows another: the phases of the operation, and each station's part in it."""
