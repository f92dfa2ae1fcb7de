"""Nets from sound to listeners' taste."""
