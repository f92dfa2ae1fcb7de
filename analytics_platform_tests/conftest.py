"""What every test starts from."""

from __future__ import annotations

import os

# rich takes the width of its console from here, once, when the command line is imported: CI sets it to 80, and a
# table that is cut to that says less than a test reads.
os.environ.pop("COLUMNS", None)
