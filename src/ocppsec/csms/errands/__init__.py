"""What a campaign does with one station: a module for each kind, and the table of kinds.

All begin an errand under an id of the campaign's choice and find it again under that id after a crash.
"""
