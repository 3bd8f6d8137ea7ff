"""Looking without running: a preview of one API, a probe of access, the status of what is stored.

Nothing here stores data.
"""
