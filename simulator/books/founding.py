"""What QuickBooks makes by itself when a company is founded."""

from __future__ import annotations

from simulator.books.accounts import create_account
from simulator.books.currencies import CURRENCY_NAMES, create_currency
from simulator.books.naming import holder_of
from simulator.books.numbers import FIRST_NUMBER, SEQUENCE
from simulator.books.small_lists import FIRST_CLASS_ID, create_small
from simulator.books.state import Books
from simulator.books.tax_lists import found_agency, found_code, found_pseudo_codes, found_rate
from simulator.books.wire import Wire, ref

FIRST_LATER_ACCOUNT = 1_150_040_000
"""Accounts made by API get long ids, as recorded."""

_ROLES: dict[str, tuple[str, str, str]] = {
    "receivable": (
        "Accounts Receivable (A/R)",
        "Accounts Receivable",
        "AccountsReceivable",
    ),
    "payable": ("Accounts Payable (A/P)", "Accounts Payable", "AccountsPayable"),
    "undeposited": ("Undeposited Funds", "Other Current Asset", "UndepositedFunds"),
    "income": ("Uncategorized Income", "Income", "ServiceFeeIncome"),
    "discount": ("Discounts given", "Income", "DiscountsRefundsGiven"),
    "retained": ("Retained Earnings", "Equity", "RetainedEarnings"),
    "opening": ("Opening Balance Equity", "Equity", "OpeningBalanceEquity"),
    "unapplied": ("Unapplied Cash Payment Income", "Income", "UnappliedCashPaymentIncome"),
    "exchange": ("Exchange Gain or Loss", "Other Expense", "ExchangeGainOrLoss"),
}
_ACCOUNTS = (
    ("Checking", "Bank", "Checking"),
    ("Savings", "Bank", "Savings"),
    ("Services", "Income", "ServiceFeeIncome"),
    ("Sales of Product Income", "Income", "SalesOfProductIncome"),
    ("Cost of Goods Sold", "Cost of Goods Sold", "SuppliesMaterialsCogs"),
    ("Bank Charges", "Expense", "BankCharges"),
    ("Commissions & fees", "Expense", "CommissionsAndFees"),
    ("Office Expenses", "Expense", "OfficeGeneralAdministrativeExpenses"),
    ("Mastercard", "Credit Card", "CreditCard"),
    ("Deferred revenue", "Other Current Liability", "DeferredRevenue"),
    ("Sales tax collected (billing)", "Other Current Liability", "OtherCurrentLiabilities"),
)
_METHODS = ("Cash", "Check", "Visa", "MasterCard", "Discover")
_CARDS = frozenset({"Visa", "MasterCard", "Discover"})
_TERMS = (("Due on receipt", 0), ("Net 15", 15), ("Net 30", 30), ("Net 60", 60))


def found(books: Books) -> None:
    """Give the company its singletons, system accounts, tax lists and small lists."""
    books.store.start_ids(SEQUENCE, FIRST_NUMBER)
    books.store.start_ids("Class", FIRST_CLASS_ID)
    _singletons(books)
    _accounts(books)
    _lists(books)
    _taxes(books)
    _finish(books)


def _singletons(books: Books) -> None:
    profile = books.profile
    street, city, region, postal = profile.address
    home: Wire = {
        "Id": books.store.next_id("address"),
        "Line1": street,
        "City": city,
        "CountrySubDivisionCode": region,
        "PostalCode": postal,
        "Country": profile.country_iso3,
    }
    facts = [
        ("SubscriptionStatus", "PAID"),
        ("OfferingSku", profile.plan),
        ("ItemCategoriesFeature", "true"),
    ]
    books.put(
        "CompanyInfo",
        {
            **books.header("1"),
            "CompanyName": profile.company_name,
            "LegalName": profile.company_name,
            "CompanyAddr": home,
            "CustomerCommunicationAddr": home,
            "LegalAddr": home,
            "CustomerCommunicationEmailAddr": {"Address": "books@example.com"},
            "Email": {"Address": "books@example.com"},
            "WebAddr": {},
            "CompanyStartDate": books.today(),
            "FiscalYearStartMonth": "January",
            "Country": profile.country,
            "SupportedLanguages": "en",
            "DefaultTimeZone": profile.zone,
            "NameValue": [{"Name": name, "Value": value} for name, value in facts],
        },
    )
    books.put("Preferences", {**books.header("1"), **_preferences(books)})


def _preferences(books: Books) -> Wire:
    profile = books.profile
    taxes: Wire = {"UsingSalesTax": profile.tax_model != "US_NONE"}
    if profile.tax_model == "US_AST":
        taxes["PartnerTaxEnabled"] = True
    return {
        "AccountingInfoPrefs": {
            "FirstMonthOfFiscalYear": "January",
            "UseAccountNumbers": True,
            "ClassTrackingPerTxn": False,
            "ClassTrackingPerTxnLine": True,
            "TrackDepartments": True,
            "DepartmentTerminology": "Location",
            "CustomerTerminology": "Customers",
        },
        "ProductAndServicesPrefs": {
            "ForSales": True,
            "ForPurchase": True,
            "QuantityWithPriceAndRate": True,
            "QuantityOnHand": True,
        },
        "SalesFormsPrefs": {
            "CustomTxnNumbers": profile.custom_txn_numbers,
            "AllowDeposit": False,
            "AllowDiscount": True,
            "AllowEstimates": True,
            "ETransactionEnabledStatus": "NotApplicable",
            "AllowServiceDate": False,
            "AllowShipping": False,
            "UsingPriceLevels": False,
            "AutoApplyCredit": profile.auto_apply,
            "AutoApplyPayments": profile.auto_apply,
            "DefaultTerms": {"value": "3"},
        },
        "VendorAndPurchasesPrefs": {"TrackingByCustomer": True, "BillableExpenseTracking": False},
        "TimeTrackingPrefs": {"UseServices": True, "WorkWeekStartDate": "Monday"},
        "TaxPrefs": taxes,
        "CurrencyPrefs": {
            "MultiCurrencyEnabled": profile.multicurrency,
            "HomeCurrency": {"value": profile.currency},
        },
        "ReportPrefs": {"ReportBasis": "Accrual", "CalcAgingReportFromTxnDate": False},
        "OtherPrefs": {"NameValue": [{"Name": "TimeTrackingFeatureEnabled", "Value": "true"}]},
    }


def _accounts(books: Books) -> None:
    for role, (name, kind, sub_type) in _ROLES.items():
        if role == "exchange" and not books.profile.multicurrency:
            continue
        made = _account(books, name, kind, sub_type)
        books.store.set(books.roles, role, made["Id"])
    for name, kind, sub_type in _ACCOUNTS:
        _account(books, name, kind, sub_type)
    preferences = books.store.rows["Preferences"]["1"]
    sales = {
        **preferences["SalesFormsPrefs"],
        "DefaultDiscountAccount": books.account_in_role("discount"),
    }
    books.put("Preferences", {**preferences, "SalesFormsPrefs": sales})


def _account(books: Books, name: str, kind: str, sub_type: str) -> Wire:
    return create_account(books, {"Name": name, "AccountType": kind, "AccountSubType": sub_type})


def _lists(books: Books) -> None:
    for name in _METHODS:
        kind = "CREDIT_CARD" if name in _CARDS else "NON_CREDIT_CARD"
        create_small(books, "PaymentMethod", {"Name": name, "Type": kind})
    for name, days in _TERMS:
        create_small(books, "Term", {"Name": name, "DueDays": days})
    if books.profile.multicurrency:
        for code in (books.profile.currency, *books.profile.currencies):
            create_currency(books, {"Code": code})
            if code != books.profile.currency:
                _foreign_receivable(books, code)


def _foreign_receivable(books: Books, code: str) -> None:
    made = create_account(
        books,
        {
            "Name": f"Accounts Receivable (A/R) - {code}",
            "AccountType": "Accounts Receivable",
            "CurrencyRef": ref(code, CURRENCY_NAMES[code]),
        },
    )
    books.store.set(books.roles, f"receivable/{code}", made["Id"])


def _taxes(books: Books) -> None:
    if books.profile.is_us:
        found_pseudo_codes(books)
    for agency in books.profile.agencies:
        found_agency(books, agency)
    for rate in books.profile.rates:
        found_rate(books, rate)
    for code in books.profile.codes:
        found_code(books, code)
    for name in books.profile.ast_codes.values():
        holder = holder_of(books, "TaxCode", name)
        if holder is not None:
            books.store.set(books.roles, f"ast/{name}", holder[1])


def _finish(books: Books) -> None:
    """Accounts of the foundation have both times; later ones get long ids."""
    for row in list(books.store.rows["Account"].values()):
        created = row["MetaData"]["CreateTime"]
        books.put(
            "Account",
            {**row, "MetaData": {"CreateTime": created, "LastUpdatedTime": created}},
        )
    books.store.start_ids("Account", FIRST_LATER_ACCOUNT)
