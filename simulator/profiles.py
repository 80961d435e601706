"""
Company profiles: the kinds of QuickBooks company the simulator can be.

Data only. A profile says country, currency, tax model, what the company is founded with, and how
the books behave where the reference leaves it open (`Rules`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Literal

from simulator.books.rules import Rules

TaxModel = Literal["GLOBAL", "US_AST", "US_MANUAL", "US_NONE"]
TaxType = Literal["TaxOnAmount", "TaxOnAmountPlusTax", "TaxOnTax"]


@dataclass(frozen=True, slots=True)
class Account:
    """An account the company is founded with; *number* only where account numbers are used."""

    name: str
    type: str
    sub_type: str
    number: str | None = None
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Agency:
    """A tax agency; its liability account is called after it."""

    name: str
    on_purchases: bool = True
    account: str | None = None


@dataclass(frozen=True, slots=True)
class Rate:
    """
    A tax rate of *agency*; *history* holds (percent, from, to) where it changed.

    A rate with a history is answered without top-level RateValue, as recorded ones are.
    """

    name: str
    percent: Decimal
    agency: str
    since: str = "1970-01-01"
    description: str = ""
    special: str = "NONE"
    display: str | None = "ReadOnly"
    active: bool = True
    history: tuple[tuple[Decimal, str, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Code:
    """A tax code over rates by name; *kinds* gives the type of each sales rate if not plain."""

    name: str
    description: str
    sales: tuple[str, ...]
    purchases: tuple[str, ...] = ()
    adjustments: tuple[str, ...] = ()
    kinds: tuple[TaxType, ...] = ()
    hidden: bool = False
    active: bool = True
    user_defined: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of company."""

    name: str
    country: str
    country_iso3: str
    currency: str
    zone: str
    tax_model: TaxModel
    company_name: str
    address: tuple[str, str, str, str]
    """Line1, city, state or province, postal code."""
    tax_word: str = ""
    """How the 6000 text calls the rate that a line lacks."""
    agencies: tuple[Agency, ...] = ()
    rates: tuple[Rate, ...] = ()
    codes: tuple[Code, ...] = ()
    ast_codes: dict[str, str] = field(default_factory=dict)
    """US-AST: by state of the address, the code which automated sales tax takes."""
    item_needs_expense: bool = False
    account_number_length: int = 7
    multicurrency: bool = False
    currencies: dict[str, Decimal] = field(default_factory=dict)
    """Foreign currencies with their rates, in home units per foreign unit."""
    plan: str = "QuickBooks Online Plus"
    custom_txn_numbers: bool = False
    auto_apply: bool = True
    server_zone: str = "America/Los_Angeles"
    """Zone of the day that an unsent TxnDate gets."""
    rules: Rules = field(default_factory=Rules)

    @property
    def is_us(self) -> bool:
        """Whether US sales tax rules hold."""
        return self.tax_model != "GLOBAL"


def _percent(text: str) -> Decimal:
    return Decimal(text)


_CRA = "Canada Revenue Agency"
_BC = "Minister of Finance (British Columbia)"
_QUEBEC = "Revenu Québec"

CA = Profile(
    name="ca",
    country="CA",
    country_iso3="CAN",
    currency="CAD",
    zone="America/Vancouver",
    tax_model="GLOBAL",
    company_name="Pacific Crest Software Ltd.",
    address=("1055 Canada Place", "Vancouver", "BC", "V6C 0C3"),
    tax_word="GST/HST",
    item_needs_expense=True,
    account_number_length=20,
    agencies=(
        Agency(_CRA, account="GST/HST Payable"),
        Agency(_BC, on_purchases=False, account="PST Payable (BC)"),
        Agency(_QUEBEC, account="QST Payable"),
    ),
    rates=(
        Rate("GST (ITC)", _percent("5"), _CRA, "2008-01-01", "GST on purchases"),
        Rate("GST", _percent("5"), _CRA, "2008-01-01", "GST"),
        Rate("HST (ITC) ON", _percent("13"), _CRA, "2010-07-01", "HST on purchases"),
        Rate("HST ON", _percent("13"), _CRA, "2010-07-01", "HST ON"),
        Rate("PST BC", _percent("7"), _BC, "2013-04-01", "PST BC"),
        Rate("QST (ITR) 9.975", _percent("9.975"), _QUEBEC, "2013-01-01", "QST on purchases"),
        Rate("QST 9.975", _percent("9.975"), _QUEBEC, "2013-01-01", "QST 9.975"),
        Rate("GST EP", _percent("0"), _CRA, "2008-01-01", "Exempt, purchases"),
        Rate("GST ES", _percent("0"), _CRA, "2008-01-01", "Exempt"),
        Rate("GST ZP", _percent("0"), _CRA, "2008-01-01", "Zero-rated, purchases", "ZERO_RATE"),
        Rate("GST ZS", _percent("0"), _CRA, "2008-01-01", "Zero-rated", "ZERO_RATE"),
        Rate("GST OP", _percent("0"), _CRA, "2008-01-01", "Out of Scope, purchases"),
        Rate("GST OS", _percent("0"), _CRA, "2008-01-01", "Out of Scope"),
        Rate(
            "HST NS",
            _percent("14"),
            _CRA,
            description="HST NS",
            display=None,
            history=(
                (_percent("15"), "2010-07-01", "2025-03-31"),
                (_percent("14"), "2025-04-01", None),
            ),
        ),
        Rate(
            "GST adjustment",
            _percent("100"),
            _CRA,
            "2008-01-01",
            "Adjustments of the return",
            "ADJUSTMENT_RATE",
            "HideInAll",
        ),
        Rate("GST 6", _percent("6"), _CRA, "2006-07-01", "GST until 2007", active=False),
    ),
    codes=(
        Code("Exempt", "Exempt", ("GST ES",), ("GST EP",)),
        Code("Zero-rated", "Zero-rated", ("GST ZS",), ("GST ZP",)),
        Code("Out of Scope", "Out of Scope", ("GST OS",), ("GST OP",)),
        Code("GST", "GST", ("GST",), ("GST (ITC)",)),
        Code("HST ON", "HST ON", ("HST ON",), ("HST (ITC) ON",)),
        Code("PST BC", "PST BC", ("PST BC",)),
        Code("GST/PST BC", "GST/PST BC", ("GST", "PST BC"), ("GST (ITC)",)),
        Code(
            "GST/QST QC - 9.975",
            "GST/QST QC - 9.975",
            ("GST", "QST 9.975"),
            ("GST (ITC)", "QST (ITR) 9.975"),
        ),
        Code("QST QC - 9.975", "QST QC - 9.975", ("QST 9.975",), ("QST (ITR) 9.975",)),
        Code("HST NS", "HST NS", ("HST NS",)),
        Code("GST on imports", "Purchases only", (), ("GST (ITC)",)),
        Code("GST adjustment", "Adjustment", (), (), ("GST adjustment",), hidden=True),
        Code("GST 6%", "GST until 2007", ("GST 6",), (), active=False),
    ),
)

_HMRC = "HM Revenue & Customs"


def _vat(code: str, percent: str, word: str, special: str = "NONE") -> tuple[Rate, Rate, Code]:
    """A UK VAT code with its purchase and its sales rate."""
    bought = Rate(f"{code} (Purchases)", _percent(percent), _HMRC, description=word)
    sold = Rate(code, _percent(percent), _HMRC, description=word, special=special)
    return bought, sold, Code(code, word, (sold.name,), (bought.name,))


_UK_SETS = (
    _vat("0.0% Z", "0", "Zero rated", "ZERO_RATE"),
    _vat("5.0% R", "5", "Reduced rate VAT"),
    _vat("Exempt", "0", "Exempt from VAT"),
    _vat("No VAT", "0", "No VAT"),
)
_UK_STANDARD = (
    Rate("20.0% S (Purchases)", _percent("20"), _HMRC, "2011-01-04", "Standard rate VAT"),
    Rate(
        "20.0% S",
        _percent("20"),
        _HMRC,
        description="Standard rate VAT",
        history=(
            (_percent("17.5"), "1970-01-01", "2011-01-03"),
            (_percent("20"), "2011-01-04", None),
        ),
    ),
)

UK = Profile(
    name="uk",
    country="GB",
    country_iso3="GBR",
    currency="GBP",
    zone="Europe/London",
    tax_model="GLOBAL",
    company_name="Thames Valley Software Ltd",
    address=("12 Station Road", "Reading", "Berkshire", "RG1 1LG"),
    tax_word="VAT",
    item_needs_expense=True,
    agencies=(Agency(_HMRC, account="VAT Control"),),
    rates=(
        *(rate for bought, sold, _ in _UK_SETS for rate in (bought, sold)),
        *_UK_STANDARD,
        Rate("EC Sales Goods", _percent("0"), _HMRC, description="EC goods", special="ZERO_RATE"),
        Rate(
            "20.0% RC",
            _percent("20"),
            _HMRC,
            description="Reverse charge",
            special="REVERSE_CHARGE",
            display="HideInPrintedForms",
        ),
    ),
    codes=(
        *(code for _, _, code in _UK_SETS),
        Code("20.0% S", "Standard rate VAT", ("20.0% S",), ("20.0% S (Purchases)",)),
        Code("0.0% ECG", "EC goods", ("EC Sales Goods",)),
        Code("20.0% RC", "Reverse charge", (), ("20.0% RC",)),
    ),
)

_ATO = "Australian Taxation Office"

AU = Profile(
    name="au",
    country="AU",
    country_iso3="AUS",
    currency="AUD",
    zone="Australia/Sydney",
    tax_model="GLOBAL",
    company_name="Harbour Cloud Pty Ltd",
    address=("1 Macquarie Street", "Sydney", "NSW", "2000"),
    tax_word="GST",
    account_number_length=20,
    agencies=(Agency(_ATO, account="GST Liabilities Payable"),),
    rates=(
        Rate("GST (purchases)", _percent("10"), _ATO, "2000-07-01", "GST on purchases"),
        Rate("GST (sales)", _percent("10"), _ATO, "2000-07-01", "GST on sales"),
        Rate("GST-free (sales)", _percent("0"), _ATO, "2000-07-01", "GST free", "ZERO_RATE"),
        Rate("Input tax (sales)", _percent("0"), _ATO, "2000-07-01", "Input taxed"),
        Rate("BAS excluded (sales)", _percent("0"), _ATO, "2000-07-01", "Out of scope"),
    ),
    codes=(
        Code("GST", "GST", ("GST (sales)",), ("GST (purchases)",)),
        Code("GST free", "GST free", ("GST-free (sales)",)),
        Code("Input taxed", "Input taxed", ("Input tax (sales)",)),
        Code("BAS Excluded", "Out of scope", ("BAS excluded (sales)",)),
    ),
)

_ARIZONA = "Arizona Dept. of Revenue"
_CALIFORNIA = "Board of Equalization"

US_MANUAL = Profile(
    name="us_manual",
    country="US",
    country_iso3="USA",
    currency="USD",
    zone="America/Los_Angeles",
    tax_model="US_MANUAL",
    company_name="Craig's Subscriptions",
    address=("2500 Garcia Ave", "Mountain View", "CA", "94043"),
    agencies=(Agency(_ARIZONA, on_purchases=False), Agency(_CALIFORNIA, on_purchases=False)),
    rates=(
        Rate("AZ State tax", _percent("7.1"), _ARIZONA, description="Sales Tax"),
        Rate("Tucson City", _percent("2"), _ARIZONA, description="Sales Tax"),
        Rate("California", _percent("8"), _CALIFORNIA, description="Sales Tax"),
    ),
    codes=(
        Code("California", "California", ("California",), user_defined=True),
        Code("Tucson", "Tucson", ("AZ State tax", "Tucson City"), user_defined=True),
    ),
)

US_AST = replace(
    US_MANUAL,
    name="us_ast",
    tax_model="US_AST",
    company_name="Desert Sky Metering LLC",
    ast_codes={"AZ": "Tucson", "CA": "California"},
)

US_NONE = replace(
    US_MANUAL,
    name="us_none",
    tax_model="US_NONE",
    company_name="Untaxed Services Inc",
    agencies=(),
    rates=(),
    codes=(),
)

MULTICURRENCY = replace(
    CA,
    name="multicurrency",
    company_name="Pacific Crest Global Ltd.",
    multicurrency=True,
    currencies={
        "USD": Decimal("1.36"),
        "EUR": Decimal("1.48"),
        "GBP": Decimal("1.72"),
    },
)

PROFILES: dict[str, Profile] = {
    profile.name: profile for profile in (CA, UK, AU, US_AST, US_MANUAL, US_NONE, MULTICURRENCY)
}
"""The profiles by name."""
