"""Hooks: how they are registered, and how deliveries are planned, claimed, called and completed."""
