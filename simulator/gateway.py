"""What stands before the company: bearer tokens and call limits, with their own envelope."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.clock import Clock
from simulator.exchange import Answer, Call
from simulator.oauth.grants import ACCOUNTING_SCOPE, Grant, Grants
from simulator.switches import Switches
from simulator.wire import fault_xml, gateway_envelope

_SHORTEST_TOKEN = 20
_LONGEST_TOKEN = 4096
_THROTTLE_DETAIL = "The request limit was reached.  Try again later"


@dataclass(frozen=True, slots=True)
class Turned:
    """A call that does not get through, with the answer it gets instead."""

    answer: Answer


class Gateway:
    """Checks the token of a call and writes the gateway's refusals."""

    def __init__(self, grants: Grants, clock: Clock, switches: Switches) -> None:
        self._grants = grants
        self._clock = clock
        self._switches = switches

    def open(self, call: Call) -> Grant | Turned:
        """The grant that *call* comes with, or the refusal."""
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return Turned(self.unauthorized(None))
        if not _SHORTEST_TOKEN <= len(token) <= _LONGEST_TOKEN:
            return Turned(self.unauthorized("Malformed bearer token: too short or too long"))
        call.access_token = token
        grant, alive = self._grants.access(token)
        if grant is None or grant.revoked:
            return Turned(self.unauthorized(None))
        refusal = self._refusal(call, token, grant, alive=alive)
        return grant if refusal is None else Turned(refusal)

    def _refusal(self, call: Call, token: str, grant: Grant, *, alive: bool) -> Answer | None:
        if not alive:
            return self.unauthorized(f"Token expired: {token}")
        if grant.realm_id != call.realm_id:
            return self.forbidden()
        if ACCOUNTING_SCOPE not in grant.scope.split():
            return self.insufficient_scope()
        return None

    def unauthorized(self, detail: str | None) -> Answer:
        """401, code 3200."""
        body = gateway_envelope(
            message="message=AuthenticationFailed; errorCode=003200; statusCode=401",
            detail=detail,
            code="3200",
            fault_type="AUTHENTICATION",
            moment=self._clock.now(),
        )
        challenge = 'Bearer realm="Intuit", error="invalid_token"'
        return Answer(401, body, headers={"WWW-Authenticate": challenge})

    def forbidden(self) -> Answer:
        """403, code 3100: a good token, but not for this company."""
        body = gateway_envelope(
            message="message=ApplicationAuthorizationFailed; errorCode=003100; statusCode=403",
            detail=None,
            code="3100",
            fault_type="SERVICE",
            moment=self._clock.now(),
        )
        return Answer(403, body)

    def insufficient_scope(self) -> Answer:
        """403, code 3100 as XML: consent was given for something else."""
        body = fault_xml(
            message="message=AuthorizationFailed; errorCode=003100; statusCode=403",
            detail="The access token does not have sufficient scope",
            code="3100",
            fault_type="SERVICE",
            moment=self._clock.now(),
        )
        return Answer(403, body, "text/xml")

    def throttled(self) -> Answer:
        """429 (or the old 403) with code 3001, as XML or JSON by switch."""
        switches = self._switches
        status = switches.throttle_status
        message = f"message=ThrottleExceeded; errorCode=003001; statusCode={status}"
        if switches.throttle_format == "xml":
            body = fault_xml(
                message=message,
                detail=_THROTTLE_DETAIL,
                code="3001",
                fault_type="SERVICE",
                moment=self._clock.now(),
            )
        else:
            body = gateway_envelope(
                message=message,
                detail=_THROTTLE_DETAIL,
                code="3001",
                fault_type="SERVICE",
                moment=self._clock.now(),
            )
        kind = "text/xml" if switches.throttle_format == "xml" else "application/json"
        headers = {}
        if switches.throttle_retry_after is not None:
            headers["Retry-After"] = str(switches.throttle_retry_after)
        return Answer(status, body, kind, headers)
