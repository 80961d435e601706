import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.accounting.errors import (
    AccessExpired,
    CompanyUnavailable,
    DuplicateFound,
    OutcomeUnknown,
    PeriodClosed,
    ProviderError,
    ReconnectRequired,
    RecordRejected,
    ReferenceRefused,
    RetryLater,
    StaleDocument,
)
from app.providers.quickbooks.faults import Verdict, judge, judge_item, parse_retry_after


def fault(code: str | None = "6000", message: str = "M", detail: str = "D") -> bytes:
    error = {"Message": message, "Detail": detail, "element": "", "code": code}
    return json.dumps({"Fault": {"Error": [error], "type": "ValidationFault"}}).encode()


def gateway(code: str, message: str = "", detail: str | None = None) -> bytes:
    error = {"message": message, "detail": detail, "code": code, "element": None}
    return json.dumps({"warnings": None, "fault": {"error": [error], "type": "SERVICE"}}).encode()


def xml(code: str, message: str = "M", detail: str = "D") -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<IntuitResponse xmlns="http://schema.intuit.com/finance/v3"><Fault type="SERVICE">'
        f'<Error code="{code}" element="Line"><Message>{message}</Message>'
        f"<Detail>{detail}</Detail></Error></Fault></IntuitResponse>"
    ).encode()


def error_of(status: int, body: bytes, content_type: str = "application/json") -> ProviderError:
    error = judge(status, body, content_type).error
    assert error is not None
    return error


class TestTable:
    @pytest.mark.parametrize(
        ("status", "code", "expected"),
        [
            (429, "3001", RetryLater),
            (403, "3001", RetryLater),
            (200, "3001", RetryLater),
            (403, "003001", RetryLater),
            (429, "6000", RetryLater),
            (401, "3200", AccessExpired),
            (401, "003200", AccessExpired),
            (401, "100", AccessExpired),
            (401, "110", AccessExpired),
            (401, "999", AccessExpired),
            (500, "100", OutcomeUnknown),
            (500, "3200", OutcomeUnknown),
            (403, "3100", ReconnectRequired),
            (401, "120", ReconnectRequired),
            (400, "6190", CompanyUnavailable),
            (500, "6190", CompanyUnavailable),
            (401, "130", CompanyUnavailable),
            (403, "140", CompanyUnavailable),
            (503, "150", CompanyUnavailable),
            (400, "5010", StaleDocument),
            (400, "6140", DuplicateFound),
            (400, "6240", DuplicateFound),
            (400, "630", DuplicateFound),
            (400, "610", ReferenceRefused),
            (400, "2500", ReferenceRefused),
            (400, "6430", ReferenceRefused),
            (400, "6200", PeriodClosed),
            (400, "6210", PeriodClosed),
            (400, "600", OutcomeUnknown),
            (500, "600", OutcomeUnknown),
            (400, "10000", OutcomeUnknown),
            (500, "10000", OutcomeUnknown),
            (503, "6000", OutcomeUnknown),
            (400, "6000", RecordRejected),
            (400, "500", RecordRejected),
            (400, "4001", RecordRejected),
            (403, "5020", RecordRejected),
            (404, "9999", RecordRejected),
            (200, "4000", RecordRejected),
            (400, None, OutcomeUnknown),
        ],
    )
    def test_code_and_status_decide(
        self, status: int, code: str | None, expected: type[ProviderError]
    ) -> None:
        assert type(error_of(status, fault(code))) is expected

    def test_closed_period_that_speaks_of_a_number_is_a_duplicate(self) -> None:
        body = fault("6210", "Duplicate Document Number Error")

        assert type(error_of(400, body)) is DuplicateFound

    @pytest.mark.parametrize("dash", ["-", "\u2013", "\u2212"])
    def test_code_inside_the_text_of_an_authentication_fault_counts(self, dash: str) -> None:
        body = fault("100", "Authorization Failure", f"{dash}11014-You do not have access")

        assert type(error_of(401, body)) is ReconnectRequired

    def test_wrong_cluster_inside_the_text_is_no_dead_connection(self) -> None:
        body = fault("100", "", "WrongClusterError: -11017-You have accessed the wrong server.")

        assert type(error_of(401, body)) is CompanyUnavailable

    def test_negative_code_is_kept_as_such(self) -> None:
        assert error_of(401, fault("-11014")).fault.code == "-11014"

    def test_the_most_cautious_of_several_errors_is_believed(self) -> None:
        errors = [{"code": code, "Message": code} for code in ("2050", "5010", "10000", "6140")]
        body = json.dumps({"Fault": {"Error": errors}}).encode()

        error = error_of(400, body)

        assert (type(error), error.fault.code) == (OutcomeUnknown, "10000")


class TestEnvelopes:
    def test_what_was_said_is_kept_word_for_word(self) -> None:
        body = fault("06140", "Duplicate", "DocNumber=1 is assigned to TxnId=145")

        error = judge(400, body, trace_id="tid").error

        assert error is not None
        assert error.fault.code == "6140"
        assert error.fault.message == "Duplicate"
        assert error.fault.detail == "DocNumber=1 is assigned to TxnId=145"
        assert error.fault.element is None
        assert (error.fault.http_status, error.fault.trace_id) == (400, "tid")

    def test_gateway_envelope(self) -> None:
        error = error_of(403, gateway("3100", "message=AuthorizationFailed; errorCode=003100"))

        assert type(error) is ReconnectRequired

    def test_code_is_taken_from_the_message_where_it_is_missing(self) -> None:
        error = error_of(403, gateway("", "message=ThrottleExceeded; errorCode=003001"))

        assert type(error) is RetryLater

    def test_xml_whatever_was_asked_for(self) -> None:
        error = error_of(429, xml("3001"), "application/json")

        assert (type(error), error.fault.code, error.fault.element) == (RetryLater, "3001", "Line")

    def test_xml_texts_are_unescaped(self) -> None:
        error = error_of(400, xml("6000", detail="a &amp; b"), "text/xml")

        assert error.fault.detail == "a & b"

    def test_single_error_instead_of_a_list(self) -> None:
        body = json.dumps({"Fault": {"Error": {"code": "5010"}}}).encode()

        assert type(error_of(400, body)) is StaleDocument

    @pytest.mark.parametrize("content", [{}, {"Error": []}, {"Error": None}, "broken", ["x"]])
    def test_fault_that_says_nothing_proves_nothing(self, content: object) -> None:
        body = json.dumps({"Fault": content}).encode()

        assert type(error_of(400, body)) is OutcomeUnknown

    def test_code_that_is_a_number(self) -> None:
        body = json.dumps({"Fault": {"Error": [{"code": 610}]}}).encode()

        assert error_of(400, body).fault.code == "610"

    def test_code_that_is_a_word(self) -> None:
        assert error_of(400, fault("BadRequest", "")).fault.code == "BadRequest"


class TestWithoutFault:
    @pytest.mark.parametrize(
        ("status", "expected"),
        [
            (200, OutcomeUnknown),
            (204, OutcomeUnknown),
            (302, OutcomeUnknown),
            (400, OutcomeUnknown),
            (401, AccessExpired),
            (403, OutcomeUnknown),
            (404, OutcomeUnknown),
            (429, RetryLater),
            (500, OutcomeUnknown),
            (502, OutcomeUnknown),
        ],
    )
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"<html><body><h1>Bad gateway</h1></body></html>",
            b"<!DOCTYPE HTML><html><br></html>",
            b'{"Invoice": {"Id": "1", "Syn',
            b'{"Fault": {"Error": [{"code": "6000"',
            b'<IntuitResponse><Fault type="x"><Error code="6000"><Message>a</Message>',
            b"[1, 2]",
            b"\xff\xfe\x00",
            b'{"TotalAmt": NaN}',
            b"{" * 100_000,
        ],
    )
    def test_status_alone(self, status: int, body: bytes, expected: type[ProviderError]) -> None:
        assert type(error_of(status, body, "text/plain")) is expected

    def test_deep_nesting_is_no_crash(self) -> None:
        body = b'{"a":' * 100_000 + b"1" + b"}" * 100_000

        assert type(error_of(200, body)) is OutcomeUnknown

    def test_html_that_imitates_a_fault_is_not_believed(self) -> None:
        page = b"<html><Fault><Error code='6000'/></Fault></html>"

        assert type(error_of(400, page, "text/html")) is OutcomeUnknown

    def test_xml_fault_of_one_batch_item_is_none_of_the_whole(self) -> None:
        item = b'<Fault><Error code="6000"/></Fault>'
        body = (
            b"<IntuitResponse><BatchItemResponse>" + item + b"</BatchItemResponse></IntuitResponse>"
        )

        assert type(error_of(200, body, "application/xml")) is OutcomeUnknown

    def test_xml_with_declarations_is_not_expanded(self) -> None:
        bomb = b'<!DOCTYPE x [<!ENTITY a "b">]><Fault><Error code="6000">&a;</Error></Fault>'

        assert type(error_of(400, bomb, "text/xml")) is OutcomeUnknown

    def test_huge_xml_is_not_read(self) -> None:
        body = xml("6000", detail="x" * 1_000_001)

        assert type(error_of(400, body, "text/xml")) is OutcomeUnknown

    def test_empty_object_under_200_is_no_answer(self) -> None:
        assert type(error_of(200, b"{}")) is OutcomeUnknown

    @given(st.integers(100, 599), st.binary(max_size=200))
    def test_no_bytes_crash_it_or_count_as_refusal(self, status: int, body: bytes) -> None:
        assert not isinstance(judge(status, body).error, RecordRejected)


class TestGoodAnswers:
    def test_amounts_are_decimals_from_the_first_byte(self) -> None:
        verdict = judge(200, b'{"Invoice": {"TotalAmt": 260.380}}')

        assert verdict == Verdict({"Invoice": {"TotalAmt": Decimal("260.380")}})
        assert str(verdict.payload["Invoice"]["TotalAmt"]) == "260.380"  # type: ignore[index]

    def test_byte_order_mark_is_tolerated(self) -> None:
        assert judge(200, b'\xef\xbb\xbf{"Invoice": {}}').error is None

    def test_null_fault_of_the_gateway_envelope_is_none(self) -> None:
        assert judge(200, b'{"fault": null, "queryResponse": {}}').error is None


class TestBatchItems:
    def test_good_item(self) -> None:
        assert judge_item({"bId": "1", "Invoice": {"Id": "1"}}) is None

    def test_fault_is_judged_like_a_refusal(self) -> None:
        item = {"bId": "1", "Fault": {"Error": [{"code": "6140", "Message": "Dup"}]}}

        error = judge_item(item, trace_id="tid")

        assert type(error) is DuplicateFound
        assert error.fault.trace_id == "tid"

    def test_throttle_inside_a_batch(self) -> None:
        assert type(judge_item({"Fault": {"Error": [{"code": "3001"}]}})) is RetryLater


class TestRetryAfter:
    NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("header", "seconds"),
        [
            (None, None),
            ("", None),
            ("30", 30.0),
            (" 1.5 ", 1.5),
            ("0", 0.0),
            ("999999", 3600.0),
            ("-5", None),
            ("soon", None),
            ("²", None),
            ("Sun, 01 Mar 2026 12:01:00 GMT", 60.0),
            ("Sun, 01 Mar 2026 12:01:00 -0000", 60.0),
            ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
            ("Mon, 02 Mar 2026 12:00:00 GMT", 3600.0),
        ],
    )
    def test_header(self, header: str | None, seconds: float | None) -> None:
        assert parse_retry_after(header, now=self.NOW) == seconds

    def test_is_handed_on(self) -> None:
        error = judge(429, b"", retry_after="7").error

        assert isinstance(error, RetryLater)
        assert error.after == 7.0

    def test_is_handed_on_with_a_fault(self) -> None:
        error = judge(403, fault("3001"), retry_after="7").error

        assert isinstance(error, RetryLater)
        assert error.after == 7.0
