"""Tests of the room artists."""
