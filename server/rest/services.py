"""The dependencies of the REST routes: everything that they use outside this sub-package."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import trio
from pydantic import SecretStr

from memory import MemoryMiddleware
from server.accounts import Accounts, Authenticator, EndedAccess, Logins, Registration, SignedCodes, Tokens
from server.net import AllowedHosts, AllowedOrigins, TrustedProxies
from server.peers import Overview
from server.requests import ChatRunner, KnownRequests
from server.rest.playground import Playground
from server.shared_limits import Limit, Limits, OwnLimit, Rate
from server.telemetry import Metrics

Readiness = Callable[[], Awaitable[Mapping[str, str | None]]]
"""Returns the outcome of each check by name: None if it passed, else a sentence about the failure."""


@dataclass(frozen=True, slots=True)
class RestLimits:
    """Limits per caller. Rates are per second; a burst is the number of requests that are possible in one moment.

    A refusal is sent after `refused_late_s` seconds: a client that asks again immediately would else cost as much as
    one that is not refused.
    """

    max_body_bytes: int = 1_048_576
    body_timeout_s: float = 10.0
    auth_address_rate_per_s: float = 0.5
    auth_address_burst: int = 30
    auth_email_rate_per_s: float = 0.1
    auth_email_burst: int = 10
    signups_per_hour: int = 20
    refresh_rate_per_s: float = 10
    refresh_burst: int = 200
    refused_late_s: float = 0.5
    sse_keep_alive_s: float = 15.0


async def _nothing_open(ended: EndedAccess) -> None:
    """For servers without sockets."""
    del ended
    await trio.lowlevel.checkpoint()


@dataclass(frozen=True, slots=True)
class RestServices:
    """`readiness` runs the checks of `/readyz`; `chat` is the answer pipeline that the device sockets use too.

    `model_shape` returns one line about how requests to the model are built.

    Without `requests` no request is known. Without `memory` its routes answer 503. Without `playground` the path `/`
    answers 404. `overview` covers all workers; this process is number `worker`. Without `admin_token`, `/debug/tasks`
    answers 404. `access` checks access tokens in the database too; without it, the tokens alone are checked.
    `end_access` closes the sockets of an access that has ended, at every server. With `metrics_token`, `/metrics` needs
    it as bearer token. `user_rate` limits the requests of each user; `make_limit` makes the limits of logins.
    """

    accounts: Accounts
    tokens: Tokens
    logins: Logins
    registration: Registration
    codes: SignedCodes
    metrics: Metrics
    readiness: Readiness
    chat: ChatRunner
    model_shape: Callable[[], str | None] = lambda: None
    requests: KnownRequests | None = None
    memory: MemoryMiddleware | None = None
    origins: AllowedOrigins = field(default_factory=AllowedOrigins)
    playground: Playground | None = None
    limits: RestLimits = field(default_factory=RestLimits)
    overview: Overview | None = None
    admin_token: SecretStr | None = None
    worker: int | None = None
    access: Authenticator | None = None
    end_access: Callable[[EndedAccess], Awaitable[None]] = _nothing_open
    proxies: TrustedProxies = field(default_factory=TrustedProxies)
    hosts: AllowedHosts = field(default_factory=AllowedHosts)
    metrics_token: SecretStr | None = None
    user_rate: Limit = field(default_factory=lambda: OwnLimit(Rate("rest_requests", 20, 200)))
    make_limit: Limits = OwnLimit

    @property
    def authenticator(self) -> Authenticator:
        """Checks access tokens."""
        return self.access or self.tokens
