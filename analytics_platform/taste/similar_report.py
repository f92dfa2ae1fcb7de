"""What ``analytics-platform similar`` prints: the tracks nearest to a file, and what that is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

if TYPE_CHECKING:
    import polars as pl

UNKNOWN = "unknown"


def print_similar(similar: pl.DataFrame, name: str, evidence: str, console: Console) -> None:
    """Print the tracks that a file is similar to.

    Args:
        similar: as ``similar_to_file`` gives them.
        name: of the file.
        evidence: how sure predictions from sound are, in a sentence.
        console: to print to.
    """
    if not len(similar):
        console.print(f"The catalogue has no track with factors to compare [bold]{escape(name)}[/] with.")
        return
    table = RichTable(
        "place",
        "title",
        "artist",
        "genre",
        "similarity (1 is the same taste)",
        title=f"Who likes {escape(name)} should also like, by its sound alone",
    )
    for row in similar.iter_rows(named=True):
        table.add_row(
            str(row["place"]),
            escape(row["title"] or row["isrc"]),
            escape(row["artist_name"] or UNKNOWN),
            escape(row["genre"] or UNKNOWN),
            f"{row['similarity']:.2f}",
        )
    console.print(table)
    console.print(f"[bold]{escape(evidence)}[/]")
