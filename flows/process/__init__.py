"""This process and its child processes: signal handlers, memory settings, a Prefect server.

Nothing in this folder depends on what is collected.
"""
