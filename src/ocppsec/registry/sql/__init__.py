"""The store on a SQL database: SQLite today, written so that PostgreSQL can follow."""
