"""The 207 features as anybody would compute them: one call of librosa after another."""

from __future__ import annotations

import numpy as np

from analytics_platform.audio.names import FEATURE_NAMES


def naive_features(
    samples: np.ndarray, *, chroma_hop: int = 512, tuning: float | None = None, again: bool = True
) -> tuple[np.ndarray, float]:
    """The features (207,) as HitMusicNet has them, and the centroid's mean over the frames.

    Args:
        samples: mono at 22,050 Hz, without padding.
        chroma_hop: hop of the chroma; theirs is 512.
        tuning: fixed, or estimated anew with each chroma as theirs is.
        again: compute the chroma once more for the tonal centroids, as theirs does.
    """
    import librosa

    feature, sound = librosa.feature, {"y": samples, "sr": 22_050}
    chroma = feature.chroma_cqt(**sound, hop_length=chroma_hop, tuning=tuning)
    many = {
        "MFCC": feature.mfcc(**sound, n_mfcc=48),
        "Chroma": chroma,
        "MEL": feature.melspectrogram(**sound),
        "Tonnetz": feature.tonnetz(**sound) if again else feature.tonnetz(**sound, chroma=chroma),
        "Spectral_contrast": feature.spectral_contrast(**sound),
    }
    found = {f"{name}_{i + 1}": row.mean(dtype=float) for name, rows in many.items() for i, row in enumerate(rows)}
    centroid = feature.spectral_centroid(**sound)[0]
    rms = feature.rms(y=samples)[0]
    away = np.abs(rms - rms.mean()).astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = (away * np.log10(away)).sum()
    found |= {
        "ZCR": feature.zero_crossing_rate(samples).mean(),
        "spectral_centroid": centroid[0],
        "spectral_rollOff_min": feature.spectral_rolloff(**sound, roll_percent=0.1).mean(),
        "spectral_rollOff_max": feature.spectral_rolloff(**sound, roll_percent=0.85).mean(),
        "spectral_bandwith": feature.spectral_bandwidth(**sound).mean(),
        "entropy_energy": entropy,
    }
    return np.array([found[name] for name in FEATURE_NAMES]), float(centroid.mean(dtype=float))
