"""Names of what is read from a clip: the feature sets, the descriptors and the reasons of rejection."""

from __future__ import annotations

from analytics_platform.lakehouse.tables import Column

FEATURE_SETS = ("hitmusicnet", "hitmusicnet_mended")


def _feature_names() -> dict[str, str]:
    """The 207 names of HitMusicNet, spelled as there, with what each is."""
    names = {f"MFCC_{i}": f"Mel-frequency cepstral coefficient {i} of 48." for i in range(1, 49)}
    names |= {f"Chroma_{i}": f"Constant-Q chroma of pitch class {i} of 12, C first, 0 to 1." for i in range(1, 13)}
    names |= {f"MEL_{i}": f"Power in mel band {i} of 128." for i in range(1, 129)}
    names["ZCR"] = "Share of samples at which the sign changes, 0 to 1."
    names |= {f"Tonnetz_{i}": f"Tonal centroid, dimension {i} of 6." for i in range(1, 7)}
    names["spectral_centroid"] = "Centre of the spectrum, Hz."
    names |= {f"Spectral_contrast_{i}": f"Spectral contrast of octave band {i} of 7, dB." for i in range(1, 8)}
    names["spectral_rollOff_min"] = "Frequency below which a tenth of the magnitude lies, Hz."
    names["spectral_rollOff_max"] = "Frequency below which 85 % of the magnitude lies, Hz."
    names["spectral_bandwith"] = "Width of the spectrum around its centre, Hz (spelled as in the source)."
    names["entropy_energy"] = "Entropy of the frames' energy; see docs/audio.md on the source's definition."
    return names


FEATURE_NAMES = _feature_names()
"""Column name → comment, in the order of the source; 207 of them."""

DESCRIPTOR_COLUMNS = (
    Column("duration_s", "DOUBLE", "Seconds of sound that were read.", minimum=0, maximum=60),
    Column("sample_rate", "INTEGER", "Samples a second in the file, Hz.", minimum=1),
    Column("channels", "SMALLINT", "Channels in the file.", minimum=1),
    Column("loudness_lufs", "DOUBLE", "Integrated loudness after ITU-R BS.1770-4, LUFS; null for silence.", True),
    Column("peak_dbfs", "DOUBLE", "Largest sample of the downmix, dB relative to full scale; null for silence.", True),
    Column("tempo_bpm", "DOUBLE", "Tempo, beats a minute; null if there is no pulse.", True, 0),
    Column("tempo_strength", "DOUBLE", "How clear the pulse is, 0 to 1.", True, 0, 1),
    Column("key", "VARCHAR", "Key, like C, F#; null for silence.", True),
    Column("mode", "VARCHAR", "major or minor; null for silence.", True, values=("major", "minor")),
    Column("key_strength", "DOUBLE", "Correlation with the profile of that key, -1 to 1.", True, -1, 1),
)

REASONS = (
    "empty",
    "not audio",
    "format not supported",
    "too many channels",
    "sample rate out of range",
    "too short",
    "silent",
    "not finite",
    "peak out of range",
    "unreadable",
    "out of memory",
    "timed out",
    "decoder crashed",
    "file missing",
    "file too large",
)
"""Kinds of failure in ``audio.rejected_clips``."""
