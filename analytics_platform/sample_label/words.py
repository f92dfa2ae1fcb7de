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

COUNTRIES = ("US", "GB", "DE", "FR", "BR", "MX", "ES", "NL", "SE", "CA", "AU", "PL")
COUNTRY_WEIGHTS = np.array([0.24, 0.13, 0.12, 0.09, 0.09, 0.08, 0.06, 0.05, 0.05, 0.05, 0.02, 0.02])
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
