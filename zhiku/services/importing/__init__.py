"""Import of rosters and other tables: read a dirty table, understand its rows, report, store in one transaction."""
