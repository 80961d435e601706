"""CompanyInfo and Preferences: read always, changed within limits."""

from __future__ import annotations

from typing import Any

from simulator.books.faults import Fault
from simulator.books.lists import address, draft_of, is_sparse
from simulator.books.readers import boolean, day, read_fields, record, reference, text
from simulator.books.schemas import COMMON, COMPANY_INFO
from simulator.books.state import Books
from simulator.books.wire import Wire

_GROUPS = {
    "AccountingInfoPrefs": record(
        "AccountingInfoPrefs",
        {
            "UseAccountNumbers": boolean,
            "ClassTrackingPerTxn": boolean,
            "ClassTrackingPerTxnLine": boolean,
            "TrackDepartments": boolean,
            "DepartmentTerminology": text(100),
            "CustomerTerminology": text(100),
            "BookCloseDate": day,
        },
        frozenset({"FirstMonthOfFiscalYear", "TaxYearMonth", "TaxForm"}),
    ),
    "SalesFormsPrefs": record(
        "SalesFormsPrefs",
        {
            "CustomTxnNumbers": boolean,
            "AllowDeposit": boolean,
            "AllowDiscount": boolean,
            "AllowShipping": boolean,
            "AllowServiceDate": boolean,
            "AutoApplyCredit": boolean,
            "AutoApplyPayments": boolean,
            "DefaultTerms": reference,
            "DefaultCustomerMessage": text(1000),
        },
        frozenset({"CustomField", "AllowEstimates", "DefaultDiscountAccount", "UsingPriceLevels"})
        | {"ETransactionEnabledStatus", "ETransactionAttachPDF", "ETransactionPaymentEnabled"}
        | {"IPNSupportEnabled", "DefaultShippingAccount", "EmailCopyToCompany"},
    ),
    "CurrencyPrefs": record(
        "CurrencyPrefs", {"MultiCurrencyEnabled": boolean}, frozenset({"HomeCurrency"})
    ),
}
_IGNORED = COMMON | frozenset(
    {"TaxPrefs", "ReportPrefs", "OtherPrefs", "ProductAndServicesPrefs", "TimeTrackingPrefs"}
    | {"VendorAndPurchasesPrefs", "EmailMessagesPrefs"}
)


def update_company_info(books: Books, body: Wire) -> Wire:
    """Change names, addresses and contacts of the company."""
    former = books.current("CompanyInfo", body)
    sent = COMPANY_INFO.read(body)
    draft = draft_of(COMPANY_INFO, former, sent, sparse=is_sparse(body))
    if "CompanyName" not in draft:
        raise Fault.missing("CompanyName")
    for name in ("CompanyAddr", "LegalAddr", "CustomerCommunicationAddr"):
        if name in sent:
            draft[name] = address(books, sent[name], former.get(name))
    fixed = {name: former[name] for name in former if name not in COMPANY_INFO.fields}
    return books.put("CompanyInfo", {**fixed, **draft, **books.next_header(former)})


def update_preferences(books: Books, body: Wire) -> Wire:
    """Change preferences group by group; what a group leaves out stays."""
    former = books.current("Preferences", body)
    sent = read_fields("Preferences", _GROUPS, _IGNORED, body)
    for group, values in sent.items():
        for name, value in values.items():
            _check(former, group, name, value)
    groups = {group: {**former.get(group, {}), **values} for group, values in sent.items()}
    return books.touch("Preferences", former, **groups)


def _check(former: Wire, group: str, name: str, value: Any) -> None:
    if name == "MultiCurrencyEnabled" and former[group][name] is True and value is False:
        raise Fault.business("Multicurrency cannot be switched off again.")


def with_preference(books: Books, path: str, value: Any) -> Wire:
    """Set one preference by path, whatever it is; None removes it."""
    former = books.store.rows["Preferences"]["1"]
    group, _, name = path.partition(".")
    if not name or group not in former:
        raise Fault.bad_value("Preferences", f"{path} is no preference")
    values = {key: held for key, held in former[group].items() if key != name}
    if value is not None:
        values[name] = value
    return books.touch("Preferences", former, **{group: values})
