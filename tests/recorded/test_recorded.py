"""
What QuickBooks really sent must be readable.

The recordings are not part of this project; they lie beside it, or where RECORDED_DIR points.
"""

import json
import os
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app.accounting.errors import (
    AccessExpired,
    CompanyUnavailable,
    DuplicateFound,
    OutcomeUnknown,
    ProviderError,
    ReconnectRequired,
    RecordRejected,
    ReferenceRefused,
    RetryLater,
    StaleDocument,
)
from app.accounting.records import Kind
from app.providers.quickbooks import translate
from app.providers.quickbooks.faults import judge, judge_item
from app.providers.quickbooks.wire import CompanyInfo, Preferences

ROOT = Path(__file__).parents[2]
RECORDED = Path(os.environ.get("RECORDED_DIR", ROOT.parent / "shared" / "recorded"))
FILES = (
    sorted(path for path in RECORDED.glob("*/*") if path.suffix in (".json", ".xml"))
    if RECORDED.is_dir()
    else []
)

pytestmark = pytest.mark.skipif(not FILES, reason="no recorded answers here; set RECORDED_DIR")

Row = dict[str, Any]


def transaction(kind: Kind) -> Callable[[Row], object]:
    return lambda row: translate.to_document(kind, row)


READERS: dict[str, Callable[[Row], object]] = {
    "Customer": lambda row: (
        translate.to_customer(row),
        translate.to_document(Kind.CUSTOMER, row),
    ),
    "Item": lambda row: (translate.to_item(row), translate.to_document(Kind.ITEM, row)),
    "Account": translate.to_account,
    "TaxCode": translate.to_tax_code,
    "TaxRate": translate.to_tax_rate,
    "TaxAgency": translate.to_tax_agency,
    "PaymentMethod": translate.to_named,
    "Term": translate.to_named,
    "Class": translate.to_named,
    "Department": translate.to_named,
    "Vendor": lambda row: translate.to_holder("vendor", row),
    "Employee": lambda row: translate.to_holder("employee", row),
    "Invoice": transaction(Kind.INVOICE),
    "CreditMemo": transaction(Kind.CREDIT_MEMO),
    "Payment": transaction(Kind.PAYMENT),
    "RefundReceipt": transaction(Kind.REFUND),
    "SalesReceipt": transaction(Kind.REFUND),
    "JournalEntry": transaction(Kind.JOURNAL_ENTRY),
    "CompanyInfo": CompanyInfo.model_validate,
    "Preferences": Preferences.model_validate,
}
# Files in which somebody's SDK had removed the envelope: the entity they hold.
BARE = {
    "account": "Account",
    "companyinfo": "CompanyInfo",
    "customer": "Customer",
    "invoice": "Invoice",
    "item": "Item",
    "journalentry": "JournalEntry",
    "preferences": "Preferences",
    "refundreceipt": "RefundReceipt",
    "salesreceipt": "SalesReceipt",
    "taxagency": "TaxAgency",
    "taxcode": "TaxCode",
    "taxrate": "TaxRate",
}
BARE_MISC = {
    "airbyte-paymentmethods": "PaymentMethod",
    "airbyte-terms": "Term",
    "fyle-employee_response": "Employee",
    "fyle-vendor_response": "Vendor",
    "qbosdk-classes": "Class",
    "qbosdk-departments": "Department",
    "qbosdk-employees": "Employee",
}
ENVELOPES = READERS.keys() | {"QueryResponse", "CDCResponse", "BatchItemResponse"}
# What is no answer with an entity of ours: requests, fragments, and other entities.
NOT_ANSWERS = frozenset(
    (
        "account/fyle-categories_accounts.json",
        "invoice/issue-ca-TxnTaxDetail.json",
        "journalentry/fyle-journal_entry_request.json",
    )
)

FAULTS: dict[str, tuple[type[ProviderError], str | None]] = {
    "exqb-create_item_error": (RecordRejected, "2020"),
    "exqb-query_error": (RecordRejected, "4000"),
    "exqb-read_item_error": (ReferenceRefused, "610"),
    "exqb-update_item_error": (StaleDocument, "5010"),
    "flowlink-add_customer_200_when_using_qbo_id-3-post": (DuplicateFound, "6240"),
    "flowlink-add_customer_200_with_id-17-get": (RecordRejected, "4001"),
    "flowlink-add_customer_200_with_id-7-get": (RecordRejected, "4000"),
    "flowlink-add_invoice_200_and_a_summary-10-post": (RecordRejected, "6270"),
    "flowlink-add_vendor_200_when_using_display_name_to_match-5-get": (RecordRejected, "2030"),
    "issue-10000-systemfault-on-query": (OutcomeUnknown, "10000"),
    "issue-400-2500-invalid-reference-id": (ReferenceRefused, "2500"),
    "issue-401-100-SRV-110": (AccessExpired, "100"),
    "issue-401-130-wrong-cluster": (CompanyUnavailable, "130"),
    "issue-401-3200-detail-null": (AccessExpired, "3200"),
    "issue-401-3200-malformed-bearer": (AccessExpired, "3200"),
    "issue-403-3001-throttle": (RetryLater, "3001"),
    "issue-403-3100-ApplicationAuthorizationFailed": (ReconnectRequired, "3100"),
    "issue-403-3100-AuthorizationFailed": (ReconnectRequired, "3100"),
    "issue-403-3100-insufficient-scope": (ReconnectRequired, "3100"),
    "issue-429-3001-throttle": (RetryLater, "3001"),
    "issue-5010-stale-object": (StaleDocument, "5010"),
    "issue-6000-CA-tax-rate-missing": (RecordRejected, "6000"),
    "issue-6000-UK-vat-rate-missing": (RecordRejected, "6000"),
    "issue-6000-unexpected-internal": (RecordRejected, "6000"),
    "qbo_api-error_400-2-get": (RecordRejected, "4001"),
    "qbo_api-error_400_json-1-post": (RecordRejected, "2010"),
    "qbo_api-error_401-1-get": (AccessExpired, "3200"),
    "qbo_api-error_500-1-get": (RecordRejected, "500"),
    "qbo_api-error_500-2-get": (RecordRejected, "2030"),
    "qbo_api-error_validation-1-post": (DuplicateFound, "6240"),
    "qbo_api-old_misc_irregular_char-1-get": (OutcomeUnknown, None),
    "qbo_api-old_misc_irregular_char-2-get": (RecordRejected, "4000"),
    "qbo_api-old_o1_error_validation-1-post": (DuplicateFound, "6240"),
    "qbo_api-old_oauth1_error_400-1-get": (RecordRejected, "3202"),
    "qbo_api-old_oauth1_error_401-2-get": (RecordRejected, "4000"),
    "qbo_api-old_oauth1_error_401-3-get": (AccessExpired, "3200"),
    "qbo_api-old_oauth1_error_500-3-get": (OutcomeUnknown, "100"),
    "ruckus-customer_duplicate_error": (DuplicateFound, "6240"),
    "ruckus-fault": (RecordRejected, "2050"),
    "ruckus-generic_error": (OutcomeUnknown, "10000"),
    "ruckus-query_validation_error": (RecordRejected, "4001"),
    "ruckus-tax_service_error_dup": (DuplicateFound, "6240"),
    "ruckus-throttle_exceeded_error": (RetryLater, "3001"),
}


def stem(path: Path) -> str:
    return path.name.removesuffix(".json").removesuffix(".xml").removesuffix(".http")


def answer(path: Path) -> tuple[int, bytes]:
    """Return status and body as they came over the wire; bare files count as HTTP 200 or 400."""
    raw = path.read_bytes()
    if not path.name.endswith(".http.json"):
        status = next(
            (int(part) for part in path.name.split("-") if part in ("401", "403", "429")), 0
        )
        return status or (400 if path.parent.name == "fault" else 200), raw
    response = json.loads(raw, parse_float=Decimal).get("response")
    if response is None:
        return 200, b""
    body = response["body"]
    text = body if isinstance(body, str) else json.dumps(body, default=float)
    # Where the recorder took out a key, it left a bracket that is no XML.
    return response["status"] or 500, text.replace("<CONSUMER_KEY>", "KEY").encode()


def entities(path: Path) -> Iterator[tuple[str, Row]]:
    """Yield every entity of ours in an answer, with its name."""
    content = json.loads(path.read_bytes(), parse_float=Decimal)
    if path.name.endswith(".http.json"):
        content = (content.get("response") or {}).get("body")
    name = BARE_MISC.get(stem(path)) or BARE.get(path.parent.name)
    if isinstance(content, list):
        yield from ((name or "", row) for row in content)
    elif isinstance(content, dict) and name and not ENVELOPES & content.keys():
        yield name, content
    if isinstance(content, dict):
        yield from wrapped(content)


def wrapped(content: Row) -> Iterator[tuple[str, Row]]:
    for key, value in content.items():
        if key == "QueryResponse" and isinstance(value, list):
            for member in value:
                yield from wrapped(member)
        elif key in ("QueryResponse", "CDCResponse", "BatchItemResponse"):
            for member in value if isinstance(value, list) else [value]:
                yield from wrapped(member)
        elif key in READERS:
            yield from ((key, row) for row in (value if isinstance(value, list) else [value]))


def identify(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


@pytest.mark.parametrize("path", FILES, ids=identify)
def test_every_answer_is_judged(path: Path) -> None:
    status, body = answer(path)

    verdict = judge(status, body)

    if path.parent.name == "fault":
        expected, code = FAULTS[stem(path)]
        assert verdict.error is not None
        assert (type(verdict.error), verdict.error.fault.code) == (expected, code)
    elif body.lstrip().startswith(b"{") and status == 200:
        assert verdict.error is None
    elif path.parent.name != "oauth":
        # XML entities, bare lists, a PDF: nothing that an answer to us could be.
        assert type(verdict.error) is OutcomeUnknown


@pytest.mark.parametrize(
    "path",
    [
        path
        for path in FILES
        if path.suffix == ".json"
        and path.parent.name not in ("oauth", "webhook", "fault")
        and identify(path) not in NOT_ANSWERS
    ],
    ids=identify,
)
def test_every_entity_is_read(path: Path) -> None:
    for name, row in entities(path):
        if name in READERS and row.get("status") != "Deleted":
            assert READERS[name](row) is not None


def test_enough_entities_were_read() -> None:
    read = [
        name
        for path in FILES
        if path.suffix == ".json" and path.parent.name not in ("oauth", "webhook", "fault")
        for name, _ in entities(path)
        if name in READERS
    ]

    assert len(FILES) == 268
    assert len(read) > 400
    assert set(read) == set(READERS)


def test_faults_of_a_batch_are_judged_item_by_item() -> None:
    path = RECORDED / "batch" / "qbo_api-batch_basic-1-post.http.json"
    items = json.loads(path.read_bytes())["response"]["body"]["BatchItemResponse"]

    verdicts = {type(error) for item in items if (error := judge_item(item))}

    assert verdicts <= {ReferenceRefused, StaleDocument}
    assert verdicts


class TestDetails:
    def test_recorded_void(self) -> None:
        path = RECORDED / "invoice" / "qbo_api-void_invoice-2-post.http.json"
        [(_, row)] = entities(path)

        assert translate.to_document(Kind.INVOICE, row).voided

    def test_credit_link_settles_both_sides(self) -> None:
        path = RECORDED / "payment" / "nango-payments.http.json"
        documents = [translate.to_document(Kind.PAYMENT, row) for _, row in entities(path)]

        kinds = [{each.kind for each in document.applied} for document in documents]

        assert {Kind.INVOICE, Kind.CREDIT_MEMO} in kinds

    def test_rate_without_value_has_its_last_percent(self) -> None:
        path = RECORDED / "taxrate" / "gist-ie-taxrate-4-history-no-RateValue.json"
        [(_, row)] = entities(path)

        rate = translate.to_tax_rate(row)

        assert rate.percent == rate.history[-1].percent
        assert len(rate.history) == 3

    def test_group_code(self) -> None:
        path = RECORDED / "taxcode" / "airbyte-taxcodes-group-and-single.json"

        kinds = [translate.to_tax_code(row).kind for _, row in entities(path)]

        assert kinds == ["group", "single"]
