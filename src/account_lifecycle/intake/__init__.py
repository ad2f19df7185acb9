"""What comes in: payloads, logs, times and the quarantine."""
