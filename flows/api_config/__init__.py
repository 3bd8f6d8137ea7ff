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
from flows.api_config.field_types import is_loopback
from flows.api_config.loading import PipelineConfig, load_config
from flows.api_config.models import ApiConfig
from flows.api_config.problems import ConfigError, Problem
from flows.api_config.secrets import ResolvedSecrets, resolve_secrets
from flows.api_config.selection import check_configuration, select_apis
from flows.api_config.settings import (
    DEFAULT_S3_BLOCK,
    SHIPPED_CONFIG_FILE,
    ExplicitBucket,
    Settings,
    environment,
    explicit_bucket,
    use_bucket,
)

__all__ = [
    "DEFAULT_S3_BLOCK",
    "SHIPPED_CONFIG_FILE",
    "ApiConfig",
    "Auth",
    "BasicAuth",
    "BearerAuth",
    "ConfigError",
    "ExplicitBucket",
    "HeaderAuth",
    "NoAuth",
    "PipelineConfig",
    "Problem",
    "QueryAuth",
    "ResolvedSecrets",
    "SecretReference",
    "Settings",
    "check_configuration",
    "environment",
    "explicit_bucket",
    "is_loopback",
    "load_config",
    "resolve_secrets",
    "secret_references",
    "select_apis",
    "use_bucket",
]
