"""Stores: where the ledger, the accounts and the outbox are kept. Each implements ``ports.Store``."""
