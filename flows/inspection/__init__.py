"""Inspection without a run: a preview of one API, a probe of access, the status of the stored objects.

Nothing here stores data.
"""
