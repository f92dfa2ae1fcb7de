"""Vendor deliveries become plays: one module per feed, contracts, privacy."""
