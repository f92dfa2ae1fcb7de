"""The pages, a module each; every one has a function ``show`` and an address of its own (``navigation.py``)."""
