"""Test data with its truth: lives, the faults put into them, and a score."""
