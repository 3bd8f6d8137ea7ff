"""The auth kinds of the configuration. Secrets are references, never literals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

from flows.api_config.field_types import HEADER_NAME_PATTERN, ParameterName, refuse_control_characters


class SecretReference(BaseModel):
    """A reference to a secret: an environment variable or a stored `ApiCredentials` block."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    env: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    block: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$")] | None = None

    @model_validator(mode="after")
    def _exactly_one_place(self) -> SecretReference:
        if (self.env is None) == (self.block is None):
            raise PydanticCustomError("secret_place", 'needs either {"env": …} or {"block": …}')
        return self

    def __str__(self) -> str:
        return f"environment variable {self.env}" if self.env else f"block '{self.block}'"


def _refuse_literal(value: Any) -> Any:
    if not isinstance(value, dict | SecretReference):
        raise PydanticCustomError(
            "literal_secret",
            'a secret must be a reference, not a literal: use {"env": "NAME"} or {"block": "document-name"}',
        )
    return value


Secret = Annotated[SecretReference, BeforeValidator(_refuse_literal, json_schema_input_type=SecretReference)]
PlainText = Annotated[str, StringConstraints(min_length=1), AfterValidator(refuse_control_characters)]


class _Auth(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class NoAuth(_Auth):
    """No authentication."""

    kind: Literal["none"]


class BasicAuth(_Auth):
    """HTTP Basic: user name and password."""

    kind: Literal["basic"]
    username: Secret
    password: Secret


class HeaderAuth(_Auth):
    """A key in a header, e.g. `Ocp-Apim-Subscription-Key`."""

    kind: Literal["header"]
    name: Annotated[str, StringConstraints(pattern=HEADER_NAME_PATTERN)]
    value: Secret


class QueryAuth(_Auth):
    """A key in the query string, e.g. `api_key`; it is left out of URLs that are shown or stored."""

    kind: Literal["query"]
    name: Annotated[str, StringConstraints(min_length=1)]
    value: Secret


class BearerAuth(_Auth):
    """`Authorization: Bearer …` with a token that does not expire within a run."""

    kind: Literal["bearer"]
    token: Secret


class _TokenAuth(_Auth):
    """A bearer token that is requested from `token_url` and renewed when it expires.

    Attributes:
        token_url: The URL to which the grant is posted.
        scope: The scope of the grant.
        params: Further form fields of the grant, e.g. `{"response_type": "id_token"}`.
        token_field: The field of the response that holds the token.
    """

    token_url: PlainText
    scope: PlainText | None = None
    params: dict[ParameterName, PlainText] = Field(default_factory=dict)
    token_field: PlainText = "access_token"  # noqa: S105 - a name, not a token


class OAuth2PasswordAuth(_TokenAuth):
    """OAuth2 grant `password` (ROPC)."""

    kind: Literal["oauth2_password"]
    username: Secret
    password: Secret
    client_id: PlainText | None = None


class OAuth2ClientCredentialsAuth(_TokenAuth):
    """OAuth2 grant `client_credentials`."""

    kind: Literal["oauth2_client_credentials"]
    client_id: PlainText
    client_secret: Secret


TokenAuth = OAuth2PasswordAuth | OAuth2ClientCredentialsAuth
Auth = Annotated[
    NoAuth | BasicAuth | HeaderAuth | QueryAuth | BearerAuth | TokenAuth, Field(discriminator="kind")
]
AUTH_KINDS: dict[str, type[_Auth]] = {
    "none": NoAuth,
    "basic": BasicAuth,
    "header": HeaderAuth,
    "query": QueryAuth,
    "bearer": BearerAuth,
    "oauth2_password": OAuth2PasswordAuth,
    "oauth2_client_credentials": OAuth2ClientCredentialsAuth,
}

ISONE_HOST = "webservices.iso-ne.com"
ISONE_DEFAULT_AUTH = BasicAuth(
    kind="basic",
    username=SecretReference(env="ISONE_API_USERNAME"),
    password=SecretReference(env="ISONE_API_PASSWORD"),
)


def secret_references(auth: Auth) -> Iterator[tuple[str, SecretReference]]:
    """The secret references of one auth entry as (field name, reference), e.g. `("password", …)`."""
    for field in type(auth).model_fields:
        value = getattr(auth, field)
        if isinstance(value, SecretReference):
            yield field, value
