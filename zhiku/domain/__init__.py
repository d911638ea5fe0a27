"""Models and the rules on them, one file a subject. Knows neither Flask nor the search engine."""
