"""What a track's sound alone says of how it will do."""
