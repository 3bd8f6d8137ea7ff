"""This process and its child processes: signal handlers, memory settings, a Prefect server of its own.

Nothing here knows what is collected.
"""
