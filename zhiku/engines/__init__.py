"""Engines behind the port: memory (the reference) and whoosh (the embedded default)."""
