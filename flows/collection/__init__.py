"""One API from its requests to its stored objects, in plain Python without Prefect.

`api_table` collects and tabulates, `incomplete_data` finds what is not all of the data, `api_collector`
checks, spools and stores, `window_collector` does it for windows.
"""
