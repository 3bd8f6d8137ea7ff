"""Prefect blocks of the pipeline and the command that registers them."""
