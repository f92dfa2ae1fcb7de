"""How often a listener plays a song, from its sound: the LSTM of document 002, and what has a chance beside it."""
