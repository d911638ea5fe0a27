"""Use cases: each takes what it needs (sessions, an engine, an analyzer, a clock) and owns its transactions."""
