"""Listener keys and age bands: what leaves of a person's data once a file is ingested.

``listener_key`` is the first 72 bits of HMAC-SHA256(secret, "vendor|licensor|id") in base64url:
12 characters, which DuckDB compares without following a pointer. Among a billion listeners the
chance of any collision is about 1e-4 (n² / 2⁷³).
"""

from __future__ import annotations

import base64
import hashlib
import hmac

import duckdb

BLOCK_BYTES = 64
KEY_BYTES = 9


def listener_key(secret: bytes, vendor: str, licensor: str, listener_id: str) -> str:
    """The key of one listener; equal to what ``key_sql`` gives."""
    digest = hmac.new(secret, f"{vendor}|{licensor}|{listener_id}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest[:KEY_BYTES]).decode()


def set_secret(connection: duckdb.DuckDBPyConnection, secret: bytes) -> None:
    """Hand the secret to a DuckDB connection as variables, so that no SQL text or error shows it."""
    key = hashlib.sha256(secret).digest() if len(secret) > BLOCK_BYTES else secret
    block = key.ljust(BLOCK_BYTES, b"\0")
    connection.execute("set variable hmac_inner = ?", [bytes(b ^ 0x36 for b in block)])
    connection.execute("set variable hmac_outer = ?", [bytes(b ^ 0x5C for b in block)])


def key_sql(message: str) -> str:
    """SQL of the listener key of a VARCHAR expression ``vendor|licensor|id`` (RFC 2104 written out)."""
    inner = f"unhex(sha256(getvariable('hmac_inner') || encode({message})))"
    outer = f"sha256(getvariable('hmac_outer') || {inner})"
    return f"translate(to_base64(unhex(left({outer}, {2 * KEY_BYTES}))), '+/', '-_')"


def age_band_sql(birth_year: str, year: str) -> str:
    """SQL of the age band of a birth year in the year ``year`` (SQL); null if the year is no plausible age.

    Under 13 is null as well: no vendor should send it, and we do not want to hold it.
    """
    age = f"({year} - try_cast({birth_year} as integer))"
    return (
        f"case when {age} between 13 and 17 then 'under 18' when {age} between 18 and 24 then '18-24'"
        f" when {age} between 25 and 34 then '25-34' when {age} between 35 and 44 then '35-44'"
        f" when {age} between 45 and 54 then '45-54' when {age} between 55 and 64 then '55-64'"
        f" when {age} between 65 and 110 then '65+' end"
    )
