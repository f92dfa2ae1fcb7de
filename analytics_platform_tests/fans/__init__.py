"""Tests of the room fans."""
