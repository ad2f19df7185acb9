"""Campaigns: break the promises of the stores on purpose, with power loss, failing calls, full disks and flipped bits.

    python -m campaigns                     list them
    python -m campaigns power --images 300  run one: print figures, exit with 1 if a promise was broken

Most have a short form in ``tests/campaigns``.
"""
