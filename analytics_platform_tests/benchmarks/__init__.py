"""Speed and size, measured against a bare scan of the same data."""
