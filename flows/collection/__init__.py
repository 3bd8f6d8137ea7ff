"""One API from its requests to its stored objects, in plain Python without Prefect.

`api_table` collects and tabulates, `api_collector` spools, checks and stores, `window_collector` does it for
windows.
"""
