"""The package of generated versions; see env.py."""
