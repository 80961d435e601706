"""The shape of a fault rule: which calls it meets, and what happens to them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from simulator.books.faults import Fault, FaultError


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Match(_Strict):
    """
    Every given member must fit; patterns are regular expressions searched without case.

    *nth* picks the 1st, 2nd, … fitting call, *times* limits how often the rule fires,
    *probability* throws a die seeded with *seed* for each call that is left.
    """

    method: str | None = None
    path: str | None = None
    realm: str | None = None
    entity: str | None = None
    operation: str | None = None
    requestid: str | None = None
    body: str | None = None
    nth: int | list[int] | None = None
    times: int | None = None
    probability: float = Field(default=1.0, ge=0, le=1)
    seed: int = 0


class FaultSpec(_Strict):
    """A ``Fault`` to answer with."""

    code: str
    message: str = "A business validation error has occurred while processing your request"
    detail: str = "Injected fault"
    element: str | None = ""
    type: str = "ValidationFault"
    status: int = 400

    def to_fault(self) -> Fault:
        """The exception the books would raise."""
        error = FaultError(self.code, self.message, self.detail, self.element)
        return Fault([error], type=self.type, status=self.status)


class BatchAction(_Strict):
    """What happens inside a batch; items are named by position (from 0) or by bId."""

    drop: list[str] = []
    double: list[str] = []
    faults: dict[str, FaultSpec] = {}
    shuffle: bool = False
    when: Literal["before", "after"] = "before"

    def fault_for(self, at: int, batch_id: object) -> FaultSpec | None:
        """The fault of the item at a position or with a bId."""
        return self.faults.get(str(at)) or self.faults.get(str(batch_id))


class Action(_Strict):
    """
    What happens to a call that a rule meets.

    The first of *fault*, *throttled*, *unauthorized*, *revoke*, *html*, *status* that is given
    decides the answer; *when* says whether the call is carried out all the same ("after") or not
    ("before"). *delay* is real seconds, as the client feels them; *apply_later* are seconds of
    the simulator's clock. *kept* makes the fault the stored first answer to the call's request id,
    as if the books themselves had refused.
    """

    when: Literal["before", "after"] = "before"
    delay: float = Field(default=0, ge=0)
    fault: FaultSpec | None = None
    kept: bool = False
    throttled: bool = False
    unauthorized: bool = False
    revoke: bool = False
    html: bool = False
    status: int | None = None
    body: Any = None
    content_type: str | None = None
    headers: dict[str, str] = {}
    cut: Literal["before_answer", "mid_answer"] | None = None
    torn: bool = False
    apply_later: float | None = Field(default=None, ge=0)
    query_lag: float | None = Field(default=None, ge=0)
    requestid: Literal["honoured", "ignored"] | None = None
    batch: BatchAction | None = None

    @property
    def replaces(self) -> bool:
        """Whether the true answer is taken away."""
        chosen = (
            self.fault,
            self.throttled,
            self.unauthorized,
            self.revoke,
            self.html,
            self.status,
        )
        return any(item not in (None, False) for item in chosen)


class Rule(_Strict):
    """One rule of a fault plan; *id* is given by the simulator when left out."""

    id: str = ""
    match: Match = Match()
    action: Action
