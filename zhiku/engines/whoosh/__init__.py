"""The embedded engine: Whoosh keeps postings, columns and commits; numpy scores them (docs/adr/0002, 0003)."""
