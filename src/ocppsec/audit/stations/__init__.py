"""The audit of a charging station: a small CSMS that plays by the book, and on purpose does not."""
