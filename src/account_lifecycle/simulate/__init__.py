"""Simulated logs: lives, the faults put into them, and the score of an audit against that truth."""
