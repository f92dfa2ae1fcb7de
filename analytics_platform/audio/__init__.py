"""From clips to what models and people read of them: spectrograms, features, embeddings."""
