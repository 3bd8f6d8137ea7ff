"""DESCRIBE: a catalog of ISO New England's endpoints, and entries for them in the configuration."""

from flows.catalog.config_editing import append_entry, check_entry, fitted_entry, same_request
from flows.catalog.endpoints import Endpoint, endpoints, search
from flows.catalog.proposals import Proposal, ProposalError, propose_entry

__all__ = [
    "Endpoint",
    "Proposal",
    "ProposalError",
    "append_entry",
    "check_entry",
    "endpoints",
    "fitted_entry",
    "propose_entry",
    "same_request",
    "search",
]
