"""Shapes of countries at 1:110 million.

From npm ``world-atlas`` 2.0.2 (ISC licence), made of Natural Earth's data (public domain).
"""
