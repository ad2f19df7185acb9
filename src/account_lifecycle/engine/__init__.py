"""The engine: feed it, ask it, run its hooks."""
