"""Everything that is Dagster and serves every room."""
