"""The embedded engine: Whoosh keeps postings, columns, segments and commits; numpy scores them (docs/adr/0002, 0003)."""
