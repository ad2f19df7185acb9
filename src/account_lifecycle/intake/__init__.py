"""What comes in: wire formats, payloads, logs, times and the quarantine."""
