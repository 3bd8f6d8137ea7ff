"""The `energy-pipeline` commands: their options, and how results are printed.

The commands call `flows.integration`; they hold no logic of the pipeline.
"""
