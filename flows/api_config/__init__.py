"""DESCRIBE: what to collect, with which secrets, where to."""

from flows.api_config.auth import (
    Auth,
    BasicAuth,
    BearerAuth,
    HeaderAuth,
    NoAuth,
    QueryAuth,
    SecretReference,
    secret_references,
)
from flows.api_config.loading import PipelineConfig, load_config, unset_secrets
from flows.api_config.models import ApiConfig, is_loopback
from flows.api_config.problems import ConfigError, Problem
from flows.api_config.selection import select_apis
from flows.api_config.settings import DEFAULT_S3_BLOCK, SHIPPED_CONFIG_FILE, Settings, environment

__all__ = [
    "DEFAULT_S3_BLOCK",
    "SHIPPED_CONFIG_FILE",
    "ApiConfig",
    "Auth",
    "BasicAuth",
    "BearerAuth",
    "ConfigError",
    "HeaderAuth",
    "NoAuth",
    "PipelineConfig",
    "Problem",
    "QueryAuth",
    "SecretReference",
    "Settings",
    "environment",
    "is_loopback",
    "load_config",
    "secret_references",
    "select_apis",
    "unset_secrets",
]
