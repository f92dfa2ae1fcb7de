"""The nets, as torch modules: import them inside functions, loading the definitions must not import torch."""
