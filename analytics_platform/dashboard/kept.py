"""What the reader has chosen. The address holds all of it, so that an address can be handed on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from analytics_platform.dashboard.look import days as window_name
from analytics_platform.dashboard.reading import facts, rows

KEPT = ("data", "days", "artist", "against")
"""Choices that go along to the next page."""


def kept(**changes: Any) -> dict[str, str]:
    """The parameters of a link to another page: what was chosen, with ``changes`` (None takes one away)."""
    params = {name: st.query_params[name] for name in KEPT if name in st.query_params}
    for name, value in changes.items():
        params.pop(name, None)
        if value is not None:
            params[name] = str(value)
    return params


def given(name: str) -> str | None:
    """A parameter of the address, None if it is not there."""
    return st.query_params.get(name)


def choose(
    widget: Callable[..., Any], label: str, name: str, options: Sequence[str], default: str | None, **how: Any
) -> str | None:
    """One of ``options`` by a widget (``st.selectbox``, ``st.segmented_control`` …) that writes the address.

    Args:
        widget: The widget; it is called with a label, the options and ``how``.
        label: What is chosen, in words.
        name: Name of the parameter in the address.
        options: Values, as they stand in the address.
        default: Value when the address has none, or one that does not exist.
        how: Passed on to the widget, like ``format_func`` and ``help``.
    """
    key = f"choose_{name}"
    asked = given(name)
    value = asked if asked is not None and asked in options else default
    if st.session_state.get(key) != value:
        st.session_state[key] = value

    def write() -> None:
        picked = st.session_state[key]
        if picked is not None and picked == given(name):
            return  # a widget that is back after another page may tell once more what the address says
        if picked is None or picked == default:
            st.query_params.pop(name, None)
        else:
            st.query_params[name] = picked

    chosen = widget(label, options, key=key, on_change=write, **how)
    # A segmented control can be clicked away.
    return default if chosen is None else chosen


def data_set() -> str:
    """The data set that is looked at: the label's own, unless the address says another."""
    known = data_sets()
    asked = given("data")
    return asked if asked in known else known[0]


def data_sets() -> list[str]:
    """Data sets with artists' fans, the label's own first."""
    names = rows("select distinct data_set from marts.artist_fans order by data_set").to_series().to_list()
    return sorted(names, key=lambda name: (name != "label", name)) or ["label"]


def windows() -> list[int]:
    """Windows of the data set in days, the shortest first."""
    found = rows(
        "select distinct window_days from marts.artist_fans where data_set = $data order by window_days",
        data=data_set(),
    )
    return found.to_series().to_list()


def usual_window() -> int:
    """The longest window that has one before it, so that something can be said to have moved; else the longest."""
    found = facts(
        "select coalesce(max(window_days) filter (listeners_before is not null), max(window_days), 0) as days "
        "from marts.artist_fans where data_set = $data",
        data=data_set(),
    )
    return int(found["days"])


def window() -> int:
    """The chosen window in days: the address's, else the usual one; 0 without data."""
    asked = given("days")
    if asked is not None and asked.isdigit() and int(asked) in windows():
        return int(asked)
    return usual_window()


def choose_window() -> int:
    """Let the reader choose the window."""
    known = [str(days) for days in windows()]
    if len(known) < 2:
        return window()
    usual = str(usual_window())
    chosen = choose(
        st.segmented_control,
        "Window",
        "days",
        known,
        usual,
        format_func=lambda days: window_name(int(days)).removeprefix("the last "),
        help="Days of plays that a figure counts, up to the last day of data. Never compare two windows.",
    )
    return int(chosen or usual)
