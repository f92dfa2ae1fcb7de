"""What every model shares: a store of versions, and honest scores."""
