"""One module a schema version.  A version that was released is never edited."""
