"""Servers for the demo and the tests: a synthetic ISO New England API and an embedded S3 server."""
