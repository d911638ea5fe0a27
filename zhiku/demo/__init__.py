"""The demo county: fictional people only, as files that the importer reads."""
