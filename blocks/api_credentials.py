"""The Prefect block type for the credentials of an API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from prefect.blocks.abstract import CredentialsBlock
from pydantic import Field, SecretStr


class ApiCredentials(CredentialsBlock):
    """Credentials of one energy data service, for `{"block": "document-name"}` in api_config.json.

    Fill in what the service requires: user name and password, an API key or a token. Prefect encrypts
    the values at rest and returns them in plain text to any client of its API.

    Attributes:
        username: User name of the account.
        password: Password of the account.
        api_key: Key sent in a header or in the query.
        token: Bearer token.
        client_secret: Secret of an OAuth2 client.

    Example:
        Load saved credentials:
        ```python
        from blocks.api_credentials import ApiCredentials

        credentials = ApiCredentials.load("iso-ne-credentials")
        ```
    """

    _block_type_name = "Energy API Credentials"
    _block_type_slug = "energy-api-credentials"
    _description = "Credentials of an energy data service, referred to by api_config.json."
    _documentation_url = "https://docs.prefect.io/v3/concepts/blocks"  # type: ignore[assignment]
    _logo_url = None

    # Prefect hides secrets in its API's responses only at the top level of a block
    username: SecretStr | None = Field(default=None, description="User name of the account.")
    password: SecretStr | None = Field(default=None, description="Password of the account.")
    api_key: SecretStr | None = Field(default=None, description="Key sent in a header or in the query.")
    token: SecretStr | None = Field(default=None, description="Bearer token.")
    client_secret: SecretStr | None = Field(default=None, description="Secret of an OAuth2 client.")

    SECRET_FIELDS: ClassVar[tuple[str, ...]] = ("username", "password", "api_key", "token", "client_secret")

    def get_client(self) -> Mapping[str, SecretStr]:
        """The non-empty secrets by field name."""
        values = {name: getattr(self, name) for name in self.SECRET_FIELDS}
        return {name: value for name, value in values.items() if value and value.get_secret_value()}
