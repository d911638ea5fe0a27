"""How rows are kept: engines and sessions, the outbox listener, the schema's migrations."""
