"""Fault campaigns: the promises of the stores, tried against power loss, failing calls, full disks and rotten bits.

    python -m campaigns                     lists them
    python -m campaigns power --images 300  runs one; it prints figures and exits 1 if a promise was broken

They stand outside the package and know only its public side; each has a short form in ``tests/campaigns``.
"""
