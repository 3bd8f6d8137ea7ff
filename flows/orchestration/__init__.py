"""The flows' bodies: Prefect's tasks, task runners, artifacts and concurrency limits.

Everything here runs inside a flow run; the work itself is in `flows.collection`.
"""
