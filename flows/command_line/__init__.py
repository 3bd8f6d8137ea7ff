"""The `energy-pipeline` commands: their options, and the output of results at a terminal.

The commands call `flows.integration` and contain no logic of the pipeline.
"""
