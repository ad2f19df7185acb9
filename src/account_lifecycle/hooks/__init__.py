"""Hooks: how they are registered, claimed, called and retried."""
