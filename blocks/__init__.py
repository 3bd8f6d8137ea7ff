"""Prefect blocks of the pipeline, the command that creates them, and Prefect automations."""
