"""The search port, and all of a search that is no engine's: queries, scoring, ranking, evidence, projections."""
