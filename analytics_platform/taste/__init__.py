"""What listeners like as far as sound tells it: latent factors, sound-alikes, playlists, and who would play a track."""
