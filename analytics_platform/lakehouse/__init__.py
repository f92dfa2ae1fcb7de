"""Storage and SQL; knows nothing of music and nothing of Dagster."""
