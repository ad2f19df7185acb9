"""The life cycle, pure: the definition, the machine that runs it, and the decision on one event."""
