"""DESCRIBE: the configuration: its models, validation, secrets, settings and selection of APIs.

README.md in this folder documents all keys.
"""

from flows.api_config.auth import (
    Auth,
    BasicAuth,
    BearerAuth,
    HeaderAuth,
    NoAuth,
    OAuth2ClientCredentialsAuth,
    OAuth2PasswordAuth,
    QueryAuth,
    SecretReference,
    TokenAuth,
    secret_references,
)
from flows.api_config.field_types import is_loopback
from flows.api_config.loading import PipelineConfig, load_config
from flows.api_config.log_levels import libraries_log_warnings_only, logger_level
from flows.api_config.models import ApiConfig, Dates, Unit
from flows.api_config.paging import (
    CursorPagination,
    NextLinkPagination,
    OffsetPagination,
    PagePagination,
    Pagination,
)
from flows.api_config.problems import ConfigError, Problem, nearest_word
from flows.api_config.redaction import redacted
from flows.api_config.response_conditions import ResponseCondition
from flows.api_config.secrets import ResolvedSecrets, resolve_secrets
from flows.api_config.selection import check_configuration, choose_apis, select_apis
from flows.api_config.settings import (
    DEFAULT_S3_BLOCK,
    OWN_CONFIG_FILE,
    SHIPPED_CONFIG_FILE,
    ExplicitBucket,
    Settings,
    environment,
    explicit_bucket,
    use_bucket,
)
from flows.api_config.templates import Placeholder, moment_text, parse_template, placeholders
from flows.api_config.window_requests import is_asked_for_dates, units_at_once

__all__ = [
    "DEFAULT_S3_BLOCK",
    "OWN_CONFIG_FILE",
    "SHIPPED_CONFIG_FILE",
    "ApiConfig",
    "Auth",
    "BasicAuth",
    "BearerAuth",
    "ConfigError",
    "CursorPagination",
    "Dates",
    "ExplicitBucket",
    "HeaderAuth",
    "NextLinkPagination",
    "NoAuth",
    "OAuth2ClientCredentialsAuth",
    "OAuth2PasswordAuth",
    "OffsetPagination",
    "PagePagination",
    "Pagination",
    "PipelineConfig",
    "Placeholder",
    "Problem",
    "QueryAuth",
    "ResolvedSecrets",
    "ResponseCondition",
    "SecretReference",
    "Settings",
    "TokenAuth",
    "Unit",
    "check_configuration",
    "choose_apis",
    "environment",
    "explicit_bucket",
    "is_asked_for_dates",
    "is_loopback",
    "libraries_log_warnings_only",
    "load_config",
    "logger_level",
    "moment_text",
    "nearest_word",
    "parse_template",
    "placeholders",
    "redacted",
    "resolve_secrets",
    "secret_references",
    "select_apis",
    "units_at_once",
    "use_bucket",
]
