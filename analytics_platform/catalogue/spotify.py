"""Spotify's Web API over spotipy: one call, one answer, no hidden sleep and no hidden second try.

spotipy's own retries sleep up to hours and then lose the headers and the reason of the refusal; here a call
is sent once, and how it went is an ``Answer``. Retries, pauses and budgets are the journal's and the limiter's.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from analytics_platform.catalogue.redaction import Redaction
from analytics_platform.catalogue.requests import Answer

if TYPE_CHECKING:
    import requests

API_URL = "https://api.spotify.com/v1/"
TOKEN_URL = "https://accounts.spotify.com/api/token"
TIMEOUT_S = 10.0
QUOTA_PAUSE_S = 3600.0
"""After QUOTA_EXCEEDED without Retry-After; when the quota is given anew is not published."""
OWN_ALBUMS = "album,single,compilation"
"""Not ``appears_on``: compilations of others, without end."""
_REASON_LENGTH = 200
_ADDRESS = re.compile(r"https?://\S+")


class CredentialsError(Exception):
    """Spotify refuses the client id and secret, or tokens that it has just given. Not an answer to any request."""


class SpotifyClient:
    """Calls of Spotify's Web API for one application (client credentials).

    Each method sends one GET and gives an ``Answer``:

    - ``ok``: 200 with a JSON object, which is the payload;
    - ``absent``: 404; ``forbidden``: 403; both only if it is the Web API that says so;
    - ``throttled``: 429, with ``retry_after_s`` if told; ``QUOTA_EXCEEDED`` is named in the reason;
    - ``error``: any other status, a timeout, a lost connection, an answer that is no JSON object. After a
      401 the token is fetched anew with the next call, which may come at once.

    Raises (every method):
        CredentialsError: the token is refused twice in a row, or none is given.
    """

    def __init__(
        self,
        client_id: str,
        client_secret: str,
        *,
        market: str | None = None,
        api_url: str = API_URL,
        token_url: str = TOKEN_URL,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """``market``: ISO 3166 country; without one, what is offered in no country counts as unavailable."""
        import requests
        import spotipy
        from spotipy.cache_handler import MemoryCacheHandler
        from spotipy.oauth2 import SpotifyClientCredentials

        self.market = market
        self._redaction = Redaction()
        self._redaction.hide(client_secret)
        self._redaction.hide(base64.b64encode(f"{client_id}:{client_secret}".encode()).decode())
        self._redaction.install()
        # A session of our own has no adapter that retries.
        self._session = requests.Session()
        self._session.hooks["response"] = [self._seen]
        self._last: requests.Response | None = None
        self._refused_tokens = 0
        self._cache = MemoryCacheHandler()
        self._credentials = SpotifyClientCredentials(
            client_id,
            client_secret,
            requests_session=self._session,  # pyright: ignore[reportArgumentType]
            requests_timeout=timeout_s,  # pyright: ignore[reportArgumentType]
            cache_handler=self._cache,
        )
        self._credentials.OAUTH_TOKEN_URL = token_url  # pyright: ignore[reportAttributeAccessIssue]
        self._spotipy = spotipy.Spotify(
            auth_manager=self._credentials,
            requests_session=self._session,  # pyright: ignore[reportArgumentType]
            requests_timeout=timeout_s,  # pyright: ignore[reportArgumentType]
            retries=0,
            status_retries=0,
        )
        self._spotipy.prefix = api_url

    def close(self) -> None:
        """Close the connections, and leave the loggers as they were."""
        self._session.close()
        self._redaction.remove()

    def __enter__(self) -> SpotifyClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def track(self, track_id: str) -> Answer:
        """One track."""
        return self._ask(lambda: self._spotipy.track(track_id, market=self.market))

    def tracks(self, track_ids: Sequence[str]) -> Answer:
        """Up to 50 tracks, in the order asked, null for an unknown one; not in development mode."""
        return self._ask(lambda: self._spotipy.tracks(list(track_ids), market=self.market))

    def artist(self, artist_id: str) -> Answer:
        """One artist."""
        return self._ask(lambda: self._spotipy.artist(artist_id))

    def artist_albums(self, artist_id: str, *, limit: int, offset: int = 0) -> Answer:
        """One page of the artist's own albums, singles and compilations."""
        return self._ask(
            lambda: self._spotipy.artist_albums(
                artist_id, include_groups=OWN_ALBUMS, country=self.market, limit=limit, offset=offset
            )
        )

    def album(self, album_id: str) -> Answer:
        """One album with its product code and the first page of its tracks (without their ISRCs)."""
        return self._ask(lambda: self._spotipy.album(album_id, market=self.market))

    def album_tracks(self, album_id: str, *, limit: int, offset: int = 0) -> Answer:
        """One page of an album's tracks (without their ISRCs)."""
        return self._ask(lambda: self._spotipy.album_tracks(album_id, limit=limit, offset=offset, market=self.market))

    def playlist_items(self, playlist_id: str, *, limit: int, offset: int = 0) -> Answer:
        """One page of a playlist; forbidden unless the playlist belongs to the application's own user."""
        return self._ask(
            lambda: self._spotipy.playlist_items(
                playlist_id, limit=limit, offset=offset, market=self.market, additional_types=("track",)
            )
        )

    def search(self, text: str, *, limit: int, offset: int = 0) -> Answer:
        """One page of the tracks that a search finds, like ``isrc:USRC17607839`` or ``genre:hip-hop year:2021``."""
        return self._ask(
            lambda: self._spotipy.search(text, limit=limit, offset=offset, type="track", market=self.market)
        )

    def _ask(self, call: Callable[[], Any]) -> Answer:
        import requests
        from spotipy.exceptions import SpotifyException, SpotifyOauthError

        self._last = None
        refused: str | None = None
        try:
            token = self._credentials.get_access_token(as_dict=False)
            if isinstance(token, str):
                self._redaction.hide(token)
        except SpotifyOauthError as error:
            reason = self._reason(f"token: {error.error}")
            if self._status() not in (400, 401, 403):
                return self._no_token(reason)
            refused = reason
        except requests.RequestException as error:
            return Answer("error", None, f"token: {type(error).__name__}")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            # No JSON, or not the fields of a token.
            return Answer("error", None, f"token: not understood ({type(error).__name__})")
        if refused is not None:
            # Raised outside the handler: the error of spotipy would be shown with it.
            raise CredentialsError(refused)

        self._last = None
        try:
            payload = call()
        except SpotifyException as error:
            text = str(error.msg or "").split("\n", 1)[-1].strip()
            answer = self._answer(error.http_status, f"{text} ({error.reason})" if error.reason else text)
        except SpotifyOauthError:
            # A token that lives so short that spotipy asked for another.
            answer = self._no_token("token")
        except requests.RequestException as error:
            answer = Answer("error", None, type(error).__name__)
        except (AttributeError, TypeError, KeyError) as error:
            # spotipy stumbles over an error body that is no object, like a bare list or {"error": "text"}.
            status = self._status()
            answer = self._answer(status, f"answer not understood ({type(error).__name__})")
        else:
            if isinstance(payload, dict):
                answer = Answer("ok", 200, payload=payload)
            else:
                status = self._status()
                answer = Answer("error", status, "the answer is no JSON object")
        if answer.status == 401:
            self._cache.save_token_to_cache(None)
            self._refused_tokens += 1
            if self._refused_tokens >= 2:
                raise CredentialsError(f"a new token was refused: {answer.reason}")
            return replace(answer, retry_after_s=0.0)
        if answer.status is not None:
            self._refused_tokens = 0
        return answer

    def _no_token(self, reason: str) -> Answer:
        """Trouble at the token endpoint says nothing of what was to be asked, whatever its status."""
        wait = None if self._last is None else retry_after_s(self._last.headers)
        return Answer("throttled" if self._status() == 429 else "error", self._status(), reason, retry_after_s=wait)

    def _answer(self, status: int | None, text: str) -> Answer:
        """The answer for a status other than 200."""
        reason = self._reason(text) or "no reason given"
        wait = None if self._last is None else retry_after_s(self._last.headers)
        if status == 429:
            if wait is None and "QUOTA_EXCEEDED" in text:
                wait = QUOTA_PAUSE_S
            return Answer("throttled", 429, reason, retry_after_s=wait)
        # A proxy or a wrong address also say 403 and 404, but not of the track, and not in Spotify's words.
        if status == 404 and self._in_spotifys_words() and "Service not found" not in text:
            return Answer("absent", 404, reason)
        if status == 403 and self._in_spotifys_words():
            return Answer("forbidden", 403, reason)
        return Answer("error", status, reason, retry_after_s=wait if (status or 0) >= 500 else None)

    def _reason(self, text: str) -> str:
        return _ADDRESS.sub("[address]", self._redaction.redact(text))[:_REASON_LENGTH]

    def _in_spotifys_words(self) -> bool:
        """True if the last answer is the error object that the Web API gives."""
        try:
            body = None if self._last is None else self._last.json()
        except ValueError:
            return False
        return isinstance(body, dict) and isinstance(body.get("error"), dict)

    def _status(self) -> int | None:
        """Status of the last answer; None if none came."""
        return None if self._last is None else self._last.status_code

    def _seen(self, response: requests.Response, **_: object) -> None:
        self._last = response


def retry_after_s(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds of a Retry-After header, given as a number or as a date; None if there is none, or none to be read."""
    told = headers.get("Retry-After")
    if told is None:
        return None
    try:
        seconds = float(told)
    except ValueError:
        try:
            then = parsedate_to_datetime(told)
        except (ValueError, TypeError):
            return None
        then = then if then.tzinfo else then.replace(tzinfo=UTC)
        seconds = (then - (now or datetime.now(UTC))).total_seconds()
    return max(seconds, 0.0) if math.isfinite(seconds) else None
