"""The audit of a fleet, for people and for programs: grouped or in full, as text, JSON, CSV or one HTML file.

Reads a store and writes to a stream; it must never judge an event, write to a store or know a URL.
"""
