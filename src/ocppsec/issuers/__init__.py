"""CAs that sign what was approved, ours and other people's, behind one interface; no OCPP and no records in here."""
