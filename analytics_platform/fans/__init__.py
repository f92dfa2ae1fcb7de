"""Listening levels become fan profiles and segments."""
