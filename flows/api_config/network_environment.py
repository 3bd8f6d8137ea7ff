"""The environment variables that httpx reads: proxies, exceptions to them, certificate authorities."""

from __future__ import annotations

import importlib.util
import ipaddress
import os
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.request import getproxies_environment

import httpx

from flows.api_config.problems import ConfigError, Problem

_NO_PROXY = ("NO_PROXY", "no_proxy")
_CERTIFICATES = "SSL_CERT_FILE"
_NO_PROXY_AT_ALL = "*"
# those that httpx reads
_PROXY_SCHEMES = ("http", "https", "all")
_SOCKS_ADVICE = "install the extra `socks` (energy-pipeline[socks]), or unset the variable"


class _CleanedEnvironment:
    """The variables that are replaced while at least one thread needs them to be."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._replaced: dict[str, tuple[str, str]] = {}

    def enter(self) -> None:
        with self._lock:
            self._users += 1
            for name in _NO_PROXY:
                value = os.environ.get(name, "")
                usable = usable_no_proxy(value)
                if usable != value:
                    self._replaced.setdefault(name, (value, usable))
                    os.environ[name] = usable

    def leave(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users:
                return
            for name, (value, usable) in self._replaced.items():
                # unless the caller has set it to something else meanwhile
                if os.environ.get(name) == usable:
                    os.environ[name] = value
            self._replaced.clear()


_CLEANED = _CleanedEnvironment()


@contextmanager
def usable_environment() -> Iterator[None]:
    """Set the entries of `NO_PROXY` aside that httpx cannot parse, for the clients created meanwhile.

    httpx, which Prefect uses too, raises an error for each of them (https://github.com/encode/httpx/issues/3221).
    The variables are as before when the last of several threads has left.
    """
    _CLEANED.enter()
    try:
        yield
    finally:
        _CLEANED.leave()


def check_environment() -> None:
    """Check the variables that httpx reads when a client is created.

    Raises:
        ConfigError: A variable names a proxy that httpx cannot use, or a file without certificates.
    """
    problems = [*_problems_of_proxies(), *_problems_of_certificates()]
    if problems:
        raise ConfigError(problems)


def usable_no_proxy(value: str) -> str:
    """The entries of a `NO_PROXY` that httpx can parse; `[::1]` becomes `::1`."""
    entries = [entry.strip() for entry in value.split(",")]
    usable = [_without_brackets(entry) for entry in entries]
    usable = [entry for entry in usable if entry and _is_usable(entry)]
    # a value that is usable stays byte for byte, with its spaces
    return value if usable == [entry for entry in entries if entry] else ",".join(usable)


def _without_brackets(entry: str) -> str:
    address = entry[1:-1]
    return address if entry == f"[{address}]" and _is_ipv6(address) else entry


def _is_usable(entry: str) -> bool:
    # the patterns that httpx makes of entries
    if "://" in entry:
        pattern = entry
    elif _is_ipv6(entry.partition("/")[0]):
        pattern = f"all://[{entry}]"
    else:
        pattern = f"all://*{entry}"
    try:
        httpx.URL(pattern)
    except (httpx.InvalidURL, ValueError):
        return False
    return True


def _is_ipv6(text: str) -> bool:
    with suppress(ValueError):
        return bool(ipaddress.IPv6Address(text))
    return False


def _problems_of_proxies() -> Iterator[Problem]:
    proxies = getproxies_environment()
    if _NO_PROXY_AT_ALL in proxies.get("no", "").replace(" ", "").split(","):
        return
    for scheme in _PROXY_SCHEMES:
        url = proxies.get(scheme)
        if url:
            cause, advice = _fault_of_proxy(url)
            if cause:
                yield Problem(_variable(f"{scheme}_proxy"), "", cause, advice)


def _problems_of_certificates() -> Iterator[Problem]:
    file = os.environ.get(_CERTIFICATES)
    if file:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
        except OSError as error:
            cause = f"{file} is no file of certificate authorities: {error.strerror or error}"
            yield Problem(_CERTIFICATES, "", cause, "correct or unset the variable")


def _fault_of_proxy(url: str) -> tuple[str, str]:
    # without the URL, which may hold a password
    try:
        scheme = httpx.Proxy(url if "://" in url else f"http://{url}").url.scheme
    except (httpx.InvalidURL, ValueError):
        return "this is not the URL of an http, https or socks5 proxy", "correct or unset the variable"
    if scheme.startswith("socks5") and importlib.util.find_spec("socksio") is None:
        return "SOCKS proxies need the package socksio, which is not installed", _SOCKS_ADVICE
    return "", ""


def _variable(name: str) -> str:
    """The spelling of a variable that is set."""
    return name if os.environ.get(name) else name.upper()
