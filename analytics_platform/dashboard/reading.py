"""Answers from the published file for the reader who is looking, each asked once per publication."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import streamlit as st

from analytics_platform.dashboard.published import Publication, Reader, live
from analytics_platform.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

ONE_AT_A_TIME = threading.Lock()
"""Held while a page is made. Python makes one at a time anyway; two at once can wait for each other for ever: one has
Python's lock and waits for polars' threads, and these wait for Python's lock to free a buffer of DuckDB's. Twenty
readers stood still within half a minute."""
_PINNED = "_publication"


def pin() -> Publication:
    """Fix the publication that this run of the page shows: all of its figures are from one file.

    Raises:
        NotPublishedError: nothing has been published.
    """
    publication = live(Settings().database)
    st.session_state[_PINNED] = publication
    return publication


def pinned() -> Publication:
    """The publication that this run of the page shows."""
    return st.session_state[_PINNED]


def rows(sql: str, **parameters: Any) -> pl.DataFrame:
    """The answer to a query on the pinned publication; ``$name`` in it is filled from ``parameters``.

    The frame is shared between readers: derive from it, never change it in place.
    """
    return _rows(pinned(), sql, tuple(sorted(parameters.items())))


def fresh_rows(sql: str, **parameters: Any) -> pl.DataFrame:
    """The answer on the publication that is live now, not remembered: for downloads, which run after the page did."""
    return _reader(live(Settings().database)).rows(sql, parameters)


def facts(sql: str, **parameters: Any) -> Mapping[str, Any]:
    """The first row of an answer by column; empty if there is none."""
    answer = rows(sql, **parameters)
    return answer.row(0, named=True) if answer.height else {}


@st.cache_resource(max_entries=2, show_spinner=False)
def _reader(publication: Publication) -> Reader:
    return Reader(publication)


@st.cache_resource(max_entries=100, show_spinner=False)
def _rows(publication: Publication, sql: str, parameters: tuple[tuple[str, Any], ...]) -> pl.DataFrame:
    return _reader(publication).rows(sql, dict(parameters))
