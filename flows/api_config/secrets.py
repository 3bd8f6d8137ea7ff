"""Resolves the secret references of a configuration, before any request is made."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pydantic import SecretStr

from flows.api_config.auth import SecretReference, secret_references
from flows.api_config.loading import PipelineConfig
from flows.api_config.models import ApiConfig
from flows.api_config.problems import ConfigError, Problem
from flows.api_config.redaction import redacted

# fields of an auth entry that have another name in a block
_BLOCK_FIELDS = {"value": "api_key"}

LoadSecretBlock = Callable[[str], Mapping[str, SecretStr]]


@dataclass(frozen=True)
class ResolvedSecrets:
    """The values of secret references. Its `repr` shows none of them."""

    values: Mapping[tuple[SecretReference, str], SecretStr] = field(default_factory=dict, repr=False)

    def value(self, reference: SecretReference, field_name: str) -> str:
        """The plain text that `field_name` of an auth entry refers to."""
        return self.values[reference, field_name].get_secret_value()

    def redact(self, text: str, *more: str) -> str:
        """`text` with every secret value and every value of `more` replaced."""
        plain = [secret.get_secret_value() for secret in self.values.values()]
        usernames = self._named("username")
        pairs = [(username, password) for username in usernames for password in self._named("password")]
        return redacted(text, (*plain, *more), pairs)

    def _named(self, field_name: str) -> list[str]:
        return [secret.get_secret_value() for (_, name), secret in self.values.items() if name == field_name]


def unset_secrets(
    config: PipelineConfig, apis: Iterable[ApiConfig], environment: Mapping[str, str]
) -> list[Problem]:
    """One problem for each environment variable that `apis` refer to and that is unset or empty."""
    users_by_name: dict[str, list[ApiConfig]] = {}
    for api, _, reference in _references(apis):
        if reference.env and not environment.get(reference.env):
            users_by_name.setdefault(reference.env, []).append(api)
    return [
        Problem(
            str(config.file),
            f"{config.path_of(users[0])}.auth",
            f"environment variable {name} is not set; needed by "
            + ", ".join(f"'{user}'" for user in dict.fromkeys(api.name for api in users)),
            "set it in the environment or in .env",
        )
        for name, users in users_by_name.items()
    ]


def resolve_secrets(
    config: PipelineConfig,
    apis: Iterable[ApiConfig],
    environment: Mapping[str, str],
    load_block: LoadSecretBlock,
) -> ResolvedSecrets:
    """Resolve every secret that `apis` refer to.

    Args:
        config: The configuration of the APIs, for the paths in problems.
        apis: The APIs to run.
        environment: Environment variables by name.
        load_block: Returns the secrets of a stored block by field name; raises `LookupError` with
            a reason if there is no such block.

    Raises:
        ConfigError: With every secret that is missing or holds a control character.
    """
    apis = tuple(apis)
    problems = unset_secrets(config, apis, environment)
    values: dict[tuple[SecretReference, str], SecretStr] = {}
    for api, name, reference in _references(apis):
        try:
            secret = _look_up(reference, name, environment, load_block)
        except LookupError as error:
            problems.append(_problem(config, api, f"needs {name} from {reference}: {error.args[0]}"))
            continue
        if re.search(r"[\x00-\x1f\x7f]", secret.get_secret_value()):
            problems.append(_problem(config, api, f"{name} from {reference} holds a control character"))
        values[reference, name] = secret
    if problems:
        raise ConfigError(problems)
    return ResolvedSecrets(values)


def _look_up(
    reference: SecretReference, name: str, environment: Mapping[str, str], load_block: LoadSecretBlock
) -> SecretStr:
    if reference.block is None:
        # unset variables are reported by unset_secrets
        return SecretStr(environment.get(str(reference.env), ""))
    block_field = _BLOCK_FIELDS.get(name, name)
    try:
        return load_block(reference.block)[block_field]
    except KeyError:
        raise LookupError(f"the block holds no {block_field}") from None


def _references(apis: Iterable[ApiConfig]) -> Iterator[tuple[ApiConfig, str, SecretReference]]:
    for api in apis:
        for entry in api.auth_entries:
            for name, reference in secret_references(entry):
                yield api, name, reference


def _problem(config: PipelineConfig, api: ApiConfig, cause: str) -> Problem:
    return Problem(str(config.file), f"{config.path_of(api)}.auth", f"'{api.name}' {cause}")
