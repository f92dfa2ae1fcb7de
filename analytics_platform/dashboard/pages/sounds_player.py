"""The player: loaded when it is asked for, one at a time."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from analytics_platform.dashboard.media import Found
from analytics_platform.dashboard.parts import note

_PLAYING = "_playing"


def player(name: str, title: str, find: Callable[[], Found]) -> None:
    """A button that loads the sound and plays it.

    Args:
        name: Of the sound; a page has one player for it.
        title: Of the track, for those who can't see the player.
        find: Looks for the file, only when it is to be played.
    """
    # What plays is nothing to hand on, and a browser plays nothing that was not asked for: not in the address.
    if st.session_state.get(_PLAYING) != name and not st.button("Play", key=f"play_{name}", help=f"Play {title}"):
        return
    st.session_state[_PLAYING] = name
    found = find()
    if found.path is None:
        note(found.why)
        return
    st.audio(str(found.path), format=found.kind, autoplay=True, alt=title)
