"""The page for label managers: reads ``analytics.duckdb`` and nothing else of the platform."""
