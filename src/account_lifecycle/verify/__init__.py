"""The proof that the record holds."""
