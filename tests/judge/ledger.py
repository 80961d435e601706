"""A tiny month of billing and the books that agree with it, for the judge to be tested on."""

import copy
from decimal import Decimal
from typing import Any

from judge.billed import Billed, read
from judge.books import Books
from judge.compare import Judge, Judgement
from judge.marks import BETWEEN, Marks

MARKS = Marks("simulator", "9130", "billing")
GST, PST = {"price_code": "GST", "rate": "5"}, {"price_code": "PST BC", "rate": "7"}
RECEIVABLE, MONEY, INCOME = "84", "4", "40"


def line(amount: str, *taxes: dict[str, str], **fields: Any) -> dict[str, Any]:
    return {"line_id": "1", "price_code": "PRO", "amount": amount, "taxes": list(taxes), **fields}


def invoice(billing_id: str, total: str, *lines: dict[str, Any], **fields: Any) -> dict[str, Any]:
    record = {
        "billing_id": billing_id,
        "number": billing_id.upper(),
        "customer": "c1",
        "invoice_date": "2026-03-01",
        "lines": list(lines),
        "total": total,
        "status": "open",
        **fields,
    }
    return {"kind": "invoices", "record": record}


CUSTOMER = {"kind": "customers", "record": {"billing_id": "c1", "display_name": "Ünal & Söhne"}}
TAXES = [
    {"kind": "taxes", "record": {"billing_id": f"tax_{code}", "price_code": code}}
    for code in ("GST", "PST BC")
]
CHARGE = {
    "kind": "charges",
    "record": {"billing_id": "g1", "price_code": "PRO", "name": "Pro plan", "kind": "recurring"},
}
PAYMENT = {
    "kind": "payments",
    "record": {
        "billing_id": "p1",
        "customer": "c1",
        "payment_date": "2026-03-09",
        "amount": "120.00",
        "allocations": [{"invoice": "i1", "amount": "100.00"}],
        "status": "succeeded",
    },
}
CREDIT = {
    "kind": "credit-notes",
    "record": {
        "billing_id": "n1",
        "number": "N1",
        "customer": "c1",
        "date": "2026-03-05",
        "lines": [{"line_id": "1", "price_code": "PRO", "amount": "10.00"}],
        "total": "10.00",
        "status": "open",
        "applications": [{"invoice": "i1", "amount": "4.00"}],
    },
}
PAYOUT = {
    "kind": "refunds",
    "record": {
        "billing_id": "r1",
        "customer": "c1",
        "date": "2026-03-06",
        "amount": "2.00",
        "credit_note": "n1",
    },
}
RECEIPT = {
    "kind": "refunds",
    "record": {
        "billing_id": "r2",
        "customer": "c1",
        "date": "2026-03-06",
        "amount": "10.50",
        "currency": "CAD",
        "lines": [line("10.00", GST)],
        "tax_total": "0.50",
    },
}
CHECKPOINT = {"kind": "checkpoint", "record": {"name": "export"}}
VOID = invoice("i2", "50.00", line("50.00"))


def entries() -> list[dict[str, Any]]:
    """
    Return a month: an invoice with two taxes, one void, a payment, a credit with its use, a refund
    of some of that credit, and a refund with a line of its own.
    """
    voided = copy.deepcopy(VOID)
    voided["record"]["status"] = "void"
    return [
        *TAXES,
        CHARGE,
        CUSTOMER,
        invoice("i1", "112.00", line("100.00", GST, PST)),
        VOID,
        PAYMENT,
        CREDIT,
        PAYOUT,
        RECEIPT,
        CHECKPOINT,
        voided,
        CHECKPOINT,
    ]


def tax_line(rate: str, amount: str) -> dict[str, Any]:
    return {"Amount": Decimal(amount), "TaxLineDetail": {"TaxRateRef": {"value": rate}}}


def settles(kind: str, id_: str, amount: str) -> dict[str, Any]:
    return {"Amount": Decimal(amount), "LinkedTxn": [{"TxnId": id_, "TxnType": kind}]}


def sale(id_: str, mark: str, number: str, day: str, net: str, total: str) -> dict[str, Any]:
    return {
        "Id": id_,
        "DocNumber": number,
        "PrivateNote": f"Made by us {mark}",
        "CustomerRef": {"value": "7"},
        "TxnDate": day,
        "Line": [{"DetailType": "SalesItemLineDetail", "Amount": Decimal(net)}],
        "TxnTaxDetail": {"TotalTax": Decimal(total) - Decimal(net), "TaxLine": []},
        "TotalAmt": Decimal(total),
    }


def books() -> Books:
    """Return the books that agree with `entries`."""
    first = sale("11", MARKS.of("invoice", "i1"), "I1", "2026-03-01", "100.00", "112.00")
    first["TxnTaxDetail"]["TaxLine"] = [tax_line("1", "5.00"), tax_line("2", "7.00")]
    first["Balance"] = Decimal("8.00")
    void = sale("12", MARKS.of("invoice", "i2"), "I2", "2026-03-01", "0.00", "0.00")
    void |= {"Balance": Decimal("0.00"), "PrivateNote": f"Voided - {void['PrivateNote']}"}
    credit = sale("13", MARKS.of("credit_memo", "n1"), "N1", "2026-03-05", "10.00", "10.00")
    credit["RemainingCredit"] = Decimal("4.00")
    payment = {
        "Id": "14",
        "PrivateNote": MARKS.of("payment", "p1"),
        "CustomerRef": {"value": "7"},
        "TxnDate": "2026-03-09",
        "TotalAmt": Decimal("120.00"),
        "UnappliedAmt": Decimal("20.00"),
        "Line": [settles("Invoice", "11", "100.00")],
    }
    application = {
        "Id": "15",
        "PrivateNote": MARKS.of("application", f"n1{BETWEEN}i1"),
        "CustomerRef": {"value": "7"},
        "TotalAmt": Decimal("0.00"),
        "Line": [settles("Invoice", "11", "4.00"), settles("CreditMemo", "13", "4.00")],
    }
    payout = {
        "Id": "16",
        "PrivateNote": MARKS.of("refund", "r1"),
        "EntityRef": {"value": "7", "type": "Customer"},
        "TxnDate": "2026-03-06",
        "TotalAmt": Decimal("2.00"),
        "Line": [
            {
                "Amount": Decimal("2.00"),
                "DetailType": "AccountBasedExpenseLineDetail",
                "AccountBasedExpenseLineDetail": {"AccountRef": {"value": "84"}},
            }
        ],
    }
    back = {
        "Id": "17",
        "PrivateNote": MARKS.of("application", f"{BETWEEN}r1{BETWEEN}n1"),
        "CustomerRef": {"value": "7"},
        "TotalAmt": Decimal("0.00"),
        "Line": [settles("Expense", "16", "2.00"), settles("CreditMemo", "13", "2.00")],
    }
    receipt = sale("18", MARKS.of("refund", "r2"), "1001", "2026-03-06", "10.00", "10.50")
    receipt["TxnTaxDetail"]["TaxLine"] = [tax_line("1", "0.50")]
    return Books(
        documents={
            "Customer": [{"Id": "7", "DisplayName": "Ünal & Söhne", "Active": True}],
            "Item": [{"Id": "5", "Name": "Pro plan", "IncomeAccountRef": {"value": "40"}}],
            "Invoice": [first, void],
            "Payment": [payment, application, back],
            "CreditMemo": [credit],
            "Purchase": [payout],
            "RefundReceipt": [receipt],
            "TaxRate": [
                {"Id": "1", "Name": "GST", "AgencyRef": {"value": "1"}},
                {"Id": "2", "Name": "PST BC", "AgencyRef": {"value": "2"}},
            ],
            "Account": accounts(),
            "Preferences": [{"CurrencyPrefs": {"HomeCurrency": {"value": "CAD"}}}],
        },
        balances={
            RECEIVABLE: Decimal("-16.00"),
            MONEY: Decimal("107.50"),
            INCOME: Decimal("-80.00"),
            "90": Decimal("-4.50"),
            "91": Decimal("-7.00"),
        },
        tax_accounts={"1": "90", "2": "91"},
    )


def accounts() -> list[dict[str, Any]]:
    kinds = {
        RECEIVABLE: ("Accounts Receivable (A/R)", "Accounts Receivable", "Asset"),
        MONEY: ("Undeposited Funds", "Other Current Asset", "Asset"),
        INCOME: ("Income", "Income", "Revenue"),
        "90": ("GST/HST Payable", "Other Current Liability", "Liability"),
        "91": ("PST Payable", "Other Current Liability", "Liability"),
    }
    return [
        {"Id": id_, "Name": name, "AccountType": kind, "Classification": side}
        for id_, (name, kind, side) in kinds.items()
    ]


def before() -> Books:
    """Return the books of before: the lists, and no documents."""
    now = books()
    kept = {name: now.documents[name] for name in ("TaxRate", "Account", "Item")}
    return Books(documents=copy.deepcopy(kept), balances={RECEIVABLE: Decimal("0.00")})


def judged(
    found: Books, *, billed: Billed | None = None, earlier: Books | None = None
) -> Judgement:
    return Judge(billed or read(entries()), found, earlier or before(), MARKS).judge()
