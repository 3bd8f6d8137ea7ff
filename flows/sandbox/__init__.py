"""Servers that the demo and the tests run on: an ISO New England API, S3, Prefect."""
