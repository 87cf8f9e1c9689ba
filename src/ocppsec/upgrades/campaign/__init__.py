"""Campaigns: which stations are raised, in which order, how fast, and when to stop.  Pure, as upgrades are."""
