"""Real object stores for tests, and a proxy that breaks their answers."""
