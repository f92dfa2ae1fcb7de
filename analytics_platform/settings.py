"""Typed settings from the environment (prefix ``ANALYTICS_``). Importing this reads nothing."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

MIN_SECRET_LENGTH = 32
PAGE_PORT = 8501
"""Where the page for label managers is served unless a person says another port."""


class MissingSecretError(RuntimeError):
    """No secret for listener keys is configured; the message says how to set one."""


class Settings(BaseSettings):
    """Everything that can be set, with its default. Each field is ``ANALYTICS_<NAME>``."""

    model_config = SettingsConfigDict(env_prefix="ANALYTICS_", extra="ignore", frozen=True)

    home: Path = Field(default=Path("data"), description="Folder of everything that a run produces.")
    listener_secret: SecretStr | None = Field(default=None, description="Key of the HMAC that makes listener keys.")
    key_version: int = Field(
        default=1, ge=1, description="Version of listener_secret; raise it when the secret changes."
    )
    max_bad_row_share: float = Field(
        default=0.05, ge=0, le=1, description="A file with more bad rows is quarantined whole."
    )
    max_unpacked_bytes: int = Field(default=20 * 2**30, gt=0, description="Largest unpacked delivery, bytes.")
    max_unpack_ratio: float = Field(default=200.0, gt=1, description="Largest ratio of unpacked to packed bytes.")
    max_line_bytes: int = Field(default=1_000_000, gt=0, description="Longest line of a delivery, bytes.")
    inbox_quiet_s: float = Field(
        default=5.0, ge=0, description="A file younger than this is still being written, seconds."
    )
    windows_days: tuple[int, ...] = Field(default=(28, 90, 365), description="Windows of the fan tables, days.")
    min_return_share: float = Field(
        default=0.02, ge=0, le=1, description="Share of a day's listeners seen the next day."
    )
    min_artist_listeners: int = Field(
        default=50, ge=1, description="An artist with fewer listeners gets no fan shares."
    )
    min_cell_listeners: int = Field(
        default=10, ge=2, description="A country, age band … with fewer of an artist's listeners is withheld."
    )
    memory_limit_mb: int = Field(
        default=2048, ge=128, description="DuckDB's memory in one step, MiB; more goes to disk."
    )
    threads: int | None = Field(default=None, ge=1, description="Threads of one step; all cores if unset.")
    table_history_days: int = Field(default=7, ge=0, description="How long replaced table versions are kept, days.")
    raw_retention_months: int = Field(default=13, ge=1, description="How long raw deliveries are kept, months.")
    listener_retention_months: int = Field(default=24, ge=1, description="How long rows about one listener are kept.")
    executor: Literal["multiprocess", "in_process", "dask"] = Field(
        default="multiprocess", description="Steps in a process each, all in one, or on a Dask cluster."
    )
    dask_address: str | None = Field(
        default=None, description="Address of a Dask scheduler, like tcp://host:8786; a local cluster if unset."
    )
    masters: str | None = Field(
        default=None, description="The label's own recordings: a folder or address; <home>/masters if unset."
    )
    spotify_client_id: str | None = Field(default=None, description="Client id of a Spotify app; see docs/spotify.md.")
    spotify_client_secret: SecretStr | None = Field(default=None, description="Client secret of that app.")
    spotify_daily_requests: int = Field(
        default=1000, ge=1, description="Most requests to Spotify a day, UTC; what is left goes on the next day."
    )
    spotify_market: str = Field(
        default="US", pattern="^[A-Z]{2}$", description="Country whose catalogue Spotify is asked for."
    )
    preview_sources: tuple[Literal["deezer", "itunes", "spotify"], ...] = Field(
        default=(), description="Whose previews to fetch where there is no master; read their terms first."
    )
    usage_rights: dict[str, tuple[Literal["analyse", "train", "display"], ...]] = Field(
        default={}, description="What a licence of yours allows with a source's clips, by source."
    )
    vggish_weights: Path | None = Field(default=None, description="safetensors file of VGGish; see docs/audio.md.")
    vggish_sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$", description="Its SHA-256.")

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.expanduser().absolute()

    @property
    def lake_root(self) -> Path:
        """Raw deliveries, tables, audio and models."""
        return self.home / "lake"

    @property
    def models_root(self) -> Path:
        """Versions of trained models."""
        return self.lake_root / "models"

    @property
    def checkpoints_root(self) -> Path:
        """Nets that are being trained."""
        return self.lake_root / "checkpoints"

    @property
    def inbox(self) -> Path:
        """Where vendors' files are dropped."""
        return self.home / "inbox"

    @property
    def unreleased(self) -> Path:
        """Where unreleased tracks are dropped to be scored."""
        return self.home / "unreleased"

    @property
    def heard_root(self) -> Path:
        """What was heard of unreleased tracks, a file per clip."""
        return self.lake_root / "unreleased"

    @property
    def explanations_root(self) -> Path:
        """Pictures of why unreleased tracks have their scores."""
        return self.lake_root / "explanations"

    @property
    def masters_root(self) -> str:
        """Where the label's own recordings lie."""
        return self.masters or str(self.home / "masters")

    @property
    def audio_root(self) -> Path:
        """Downloaded clips."""
        return self.lake_root / "audio"

    @property
    def spectrograms_root(self) -> Path:
        """Shards of spectrograms."""
        return self.lake_root / "spectrograms"

    @property
    def embeddings_root(self) -> Path:
        """Shards of embeddings."""
        return self.lake_root / "embeddings"

    @property
    def catalogue_journal(self) -> Path:
        """What was asked of outside catalogues and what they answered."""
        return self.lake_root / "raw" / "catalogue.sqlite"

    @property
    def database(self) -> Path:
        """The DuckDB file that people open."""
        return self.home / "analytics.duckdb"

    @property
    def dagster_storage(self) -> Path:
        """Dagster's runs, events and logs."""
        return self.home / "dagster"

    @property
    def _secret_file(self) -> Path:
        return self.home / "secrets" / "listener_secret"

    def create_secret(self) -> None:
        """Make a random secret for this home, readable by its owner only, unless there is one."""
        if self.listener_secret is not None or self._secret_file.exists():
            return
        self._secret_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(self._secret_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(48))

    def secret(self) -> bytes:
        """The key for listener keys.

        Raises:
            MissingSecretError: none is set, or it is too short to resist guessing.
        """
        if self.listener_secret is not None:
            secret = self.listener_secret.get_secret_value()
        elif self._secret_file.exists():
            secret = self._secret_file.read_text().strip()
        else:
            raise MissingSecretError(
                "No secret for listener keys. Set ANALYTICS_LISTENER_SECRET to at least "
                f"{MIN_SECRET_LENGTH} random characters and keep it outside the lake (for example "
                "`openssl rand -base64 48`), or run `analytics-platform demo`, which makes one for its own home."
            )
        if len(secret) < MIN_SECRET_LENGTH:
            raise MissingSecretError(f"ANALYTICS_LISTENER_SECRET must have at least {MIN_SECRET_LENGTH} characters.")
        return secret.encode()
