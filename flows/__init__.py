"""Collect electricity data from HTTP APIs and store it as CSV objects in S3."""
