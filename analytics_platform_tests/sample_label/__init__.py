"""Tests of the sample label."""
