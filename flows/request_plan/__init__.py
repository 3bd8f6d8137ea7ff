"""PLAN: turns APIs and dates into windows and requests. Pure: no network, no clock."""

from flows.request_plan.backfill import (
    MAX_WINDOWS,
    WindowBatch,
    askable_apis,
    batches_of,
    refused_dates,
    units_asked_for,
)
from flows.request_plan.missing_windows import StoredSpan, missing_windows
from flows.request_plan.requests import (
    CollectionRequest,
    PlannedCollection,
    plan_collections,
    plan_window,
)
from flows.request_plan.windows import Window, current_window, units_of, window_stamp, windows_of_days

__all__ = [
    "MAX_WINDOWS",
    "CollectionRequest",
    "PlannedCollection",
    "StoredSpan",
    "Window",
    "WindowBatch",
    "askable_apis",
    "batches_of",
    "current_window",
    "missing_windows",
    "plan_collections",
    "plan_window",
    "refused_dates",
    "units_asked_for",
    "units_of",
    "window_stamp",
    "windows_of_days",
]
