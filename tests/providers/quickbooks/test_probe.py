"""The probe, against a stand-in that answers each open question one way, then the other."""

from typing import Any

import pytest

from app.accounting.ports import CompanyRef
from app.connections import findings
from app.kit.http import build_client
from app.providers.quickbooks.probe import NothingToProbe, quickbooks_prober
from tests.providers.quickbooks.doubles import StubGate
from tests.simulator_server import SimulatorServer, simulator_fixture

simulator = simulator_fixture(scope="module", profile="ca", customers=2, items=3)
EMPTY = "4620816365290000001"


class IssuedTokens:
    def __init__(self, token: str) -> None:
        self._token = token

    async def access_token(self) -> str:
        return self._token

    async def renew(self, stale: str) -> str:
        return self._token


async def asked(
    simulator: SimulatorServer, *, burst: bool = False, realm_id: str | None = None
) -> dict[str, Any]:
    realm_id = realm_id or simulator.realm_id
    async with build_client() as http:
        prober = quickbooks_prober(http=http, environment="simulator", api_url=simulator.api_url)(
            CompanyRef(environment="simulator", realm_id=realm_id),
            tokens=IssuedTokens(str(simulator.issue_tokens(realm_id)["access_token"])),
            gate=StubGate(),
        )
        return {each.question: each.answer for each in await prober.run(burst=burst)}


@pytest.fixture(autouse=True)
def _fresh(simulator: SimulatorServer) -> None:
    simulator.reset()
    simulator.switches(requests_per_second=1000)


async def test_a_company_that_keeps_its_word(simulator: SimulatorServer) -> None:
    simulator.switches(requestid_replays_faults=False)
    simulator.preferences({"SalesFormsPrefs.CustomTxnNumbers": True})

    answers = await asked(simulator)

    assert answers["requestid_same_body"] == "replayed"
    assert answers["requestid_other_body"] == "replayed"
    assert answers["requestid_after_rejection"] == "written"
    assert answers["requestid_in_batch"] == "replayed"
    assert answers["query_lag"] == "0.0 s"
    assert answers["number_without_custom_numbers"].startswith("not_asked")
    assert answers["marker_length"] == "kept"
    assert answers["marker_after_edit_and_void"] == "kept after edit and void"


async def test_a_company_that_ignores_request_ids(simulator: SimulatorServer) -> None:
    simulator.switches(requestid="ignored")

    answers = await asked(simulator)

    for question in ("same_body", "other_body", "in_batch"):
        assert answers[f"requestid_{question}"] == "written_twice"
    assert answers["requestid_after_rejection"] == "written"


async def test_a_company_that_answers_strictly(simulator: SimulatorServer) -> None:
    simulator.switches(requestid_other_body="fault", requestid_replays_faults=True)
    simulator.preferences({"SalesFormsPrefs.CustomTxnNumbers": False})

    answers = await asked(simulator)

    assert answers["requestid_other_body"] == "refused_with_600"
    assert answers["requestid_after_rejection"] == "refusal_replayed"
    assert answers["number_without_custom_numbers"] == "replaced"


async def test_lag_is_measured(simulator: SimulatorServer) -> None:
    simulator.switches(query_lag_seconds=1)

    answers = await asked(simulator)

    assert 0.9 < float(answers["query_lag"].removesuffix(" s")) < 10


@pytest.mark.parametrize(("told", "answer"), [(None, "absent"), (7, "7 s")])
async def test_refusals_for_the_quota(
    simulator: SimulatorServer, told: int | None, answer: str
) -> None:
    simulator.switches(throttle_retry_after=told)
    simulator.add_faults(
        {"match": {"path": "preferences$", "nth": [5, 9]}, "action": {"throttled": True}}
    )

    answers = await asked(simulator, burst=True)

    assert answers["retry_after"] == answer


async def test_a_burst_that_nobody_minds(simulator: SimulatorServer) -> None:
    assert (await asked(simulator, burst=True))["retry_after"] == "no_refusal"


async def test_nothing_is_left_behind(simulator: SimulatorServer) -> None:
    before = simulator.counts()

    answers = await asked(simulator)

    assert answers["cleaned_up"] == "yes"
    after = simulator.counts()
    assert after.get("Invoice", 0) == before.get("Invoice", 0)
    probes = [
        row
        for row in simulator.documents("Customer")
        if str(row["DisplayName"]).startswith("Ledgerwire probe")
    ]
    assert [row["Active"] for row in probes] == [False]
    assert simulator.marked() == {}


@pytest.mark.parametrize(
    ("rules", "plain", "system"),
    [
        ({}, "accepted", "refused_with_6470"),
        ({"journal_needs_tax_code": True}, "refused_with_6000", "refused_with_6470"),
        ({"journal_tax_accounts": True}, "accepted", "accepted"),
    ],
)
async def test_what_journal_entries_may_hold(
    simulator: SimulatorServer, rules: dict[str, bool], plain: str, system: str
) -> None:
    simulator.rules(**rules)

    answers = await asked(simulator)

    assert answers[findings.PLAIN_TAX_LINES] == plain
    assert answers[findings.SYSTEM_TAX_ACCOUNT] == system
    assert answers["cleaned_up"] == "yes"
    assert simulator.counts().get("JournalEntry", 0) == 0


async def test_trouble_is_no_answer(simulator: SimulatorServer) -> None:
    simulator.add_faults(
        {"match": {"path": "/journalentry"}, "action": {"fault": {"code": "10000", "status": 500}}}
    )

    answers = await asked(simulator)

    assert answers[findings.PLAIN_TAX_LINES].startswith("could_not_be_asked")


async def test_a_company_with_nothing_to_sell(simulator: SimulatorServer) -> None:
    simulator.add_company(EMPTY, profile="ca")

    with pytest.raises(NothingToProbe):
        await asked(simulator, realm_id=EMPTY)
