"""The web pages and the JSON API (Flask)."""
