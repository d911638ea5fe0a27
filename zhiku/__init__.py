"""zhiku (智库): a knowledge base with search for a county's talent think tank."""

__version__ = "0.1.0"
