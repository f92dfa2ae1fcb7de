"""Who shares an audience with whom, and where the next listeners are."""
