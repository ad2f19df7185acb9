"""The audit of a fleet: built from a store (or a replay), written as text, JSON, CSV or one HTML file."""
