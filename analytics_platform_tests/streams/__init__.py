"""Tests of the room streams."""
