"""Word lists for names, genres and places of the sample label. No name is meant to be a real artist's."""

from __future__ import annotations

import numpy as np

ADJECTIVES = (
    "Amber", "Arctic", "Bitter", "Blue", "Broken", "Carbon", "Cedar", "Cobalt", "Copper", "Crooked",
    "Distant", "Électric", "Ember", "Fading", "Feral", "Golden", "Gentle", "Hollow", "Hidden", "Indigo",
    "Iron", "Ivory", "Jagged", "Lunar", "Marble", "Mellow", "Midnight", "Mörk", "Neon", "Northern",
    "Opal", "Paper", "Pale", "Quiet", "Restless", "Rosy", "Ruby", "Rustic", "Saffron", "Señor",
    "Silent", "Silver", "Slow", "Solar", "Static", "Sugar", "Tender", "Velvet", "Violet", "Wild",
)  # fmt: skip
NOUNS = (
    "Antlers", "Arcade", "Atlas", "Bakery", "Beacon", "Bloom", "Canyon", "Carousel", "Cartographers", "Choir",
    "Coast & Sons", "Comets", "Cranes", "Department", "Ditch", "Dunes", "Engine", "Fables", "Ferry", "Fjørd",
    "Foxes", "Gardens", "Ghosts", "Harbour", "Heron", "Horizon", "Kites", "Lanterns", "Letters", "Lions",
    "Machines", "Meadow", "Mirrors", "Motel", "Orchard", "Otters", "Parade", "Pilots", "Pines", "Radio",
    "Rivers", "Satellites", "Sisters", "Sparrows", "Telegraph", "Tide", "Tigers", "Trains", "Wolves", "Youth",
)  # fmt: skip
TITLE_STARTS = (
    "After", "All My", "Before the", "Below", "Call Me", "Don't Stop the", "Every", "Falling", "Hold the", "In the",
    "Last", "Leave the", "Long", "Lost", "More", "My", "Nobody's", "Our", "Running", "Some", "This", "Under the",
)  # fmt: skip
TITLE_ENDS = (
    "Avenue", "Birthday", "Colours", "Dance", "Evening", "Fire", "Fever", "Flight", "Gravity", "Heart", "Holiday",
    "Home", "Light", "Mountain", "Night", "Ocean", "Rain", "Season", "Signal", "Smoke", "Summer", "Thunder", "Waves",
)  # fmt: skip

GENRES = (
    ("Electronic", ("House", "Techno", "Ambient")),
    ("Hip-Hop", ("Trap", "Boom Bap", "Lo-Fi")),
    ("Rock", ("Indie Rock", "Garage", "Shoegaze")),
    ("Pop", ("Dance Pop", "Bedroom Pop", "Synth-Pop")),
    ("Folk", ("Singer-Songwriter", "Americana", "Chamber Folk")),
    ("Jazz", ("Nu Jazz", "Fusion", "Vocal Jazz")),
    ("Latin", ("Reggaeton", "Cumbia", "Bolero")),
    ("Metal", ("Doom", "Post-Metal", "Thrash")),
)
"""A genre and its styles for each cluster of artists."""

COUNTRIES = (
    "US", "GB", "DE", "BR", "MX", "FR", "IN", "JP", "ES", "IT",
    "CA", "AU", "NL", "SE", "PL", "TR", "ID", "AR", "KR", "PH",
    "CO", "CL", "BE", "CH", "NO", "DK", "FI", "AT", "IE", "PT",
    "NZ", "ZA", "TH", "TW", "PE", "MY", "CZ", "GR", "HU", "SG",
)  # fmt: skip
COUNTRY_WEIGHTS = np.array(
    [
        0.220, 0.080, 0.070, 0.062, 0.058, 0.048, 0.044, 0.040, 0.032, 0.030,
        0.030, 0.026, 0.022, 0.020, 0.018, 0.016, 0.015, 0.014, 0.013, 0.012,
        0.010, 0.010, 0.009, 0.009, 0.009, 0.008, 0.007, 0.007, 0.006, 0.006,
        0.006, 0.006, 0.005, 0.005, 0.005, 0.005, 0.005, 0.004, 0.004, 0.004,
    ]
)  # fmt: skip
"""Shares of listeners, which fall from country to country about as streaming markets do."""
REGIONS = tuple(tuple(f"{country}-{number:02d}" for number in range(1, 5)) for country in COUNTRIES)


def artist_names(order: np.ndarray) -> list[str]:
    """Distinct names for distinct numbers; past 2,500 artists a number follows the two words."""
    size = len(ADJECTIVES) * len(NOUNS)
    names = []
    for number in order.tolist():
        turn, word = divmod(number, size)
        name = f"{ADJECTIVES[word // len(NOUNS)]} {NOUNS[word % len(NOUNS)]}"
        names.append(name if turn == 0 else f"{name} {turn + 1}")
    return names
