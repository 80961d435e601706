"""The kinds of company that the demonstration plays with: taxes, regions, currencies."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

# The taxes on a line, by price code; the first of a region is usual, others stand on some lines.
Taxes = tuple[str, ...]
NO_TAX: Taxes = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """
    What a billing system of one country bills.

    *rates* are percents by price code; *chosen* says to which tax code a person maps a price code
    that no rate is named like, and *pairs* which rate that is. *foreign* are exchange rates of
    January, February and March, in home currency for one of theirs.
    """

    profile: str
    currency: str
    regions: Mapping[str, tuple[Taxes, ...]]
    order: tuple[str, ...]
    rates: Mapping[str, str] = field(default_factory=dict)
    tax_names: Mapping[str, str] = field(default_factory=dict)
    untaxed_code: str | None = None
    chosen: Mapping[str, str] = field(default_factory=dict)
    pairs: Mapping[str, str] = field(default_factory=dict)
    addresses: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    # Where all credit notes with tax come from; elsewhere than the customer, for variety.
    credit_region: str | None = None
    # Customers who are adopted keep the addresses that they have in the books.
    adopted_region: str | None = None
    foreign: Mapping[str, tuple[str, str, str]] = field(default_factory=dict)
    default_place: Mapping[str, str] = field(default_factory=dict)

    @property
    def untaxed_region(self) -> str:
        """Return a region in which everything is untaxed."""
        return next(name for name, taxes in self.regions.items() if taxes == (NO_TAX,))

    def region_of(self, place: int) -> str:
        """Return a region; the home region most often."""
        return self.order[place % len(self.order)]

    def currency_of(self, place: int) -> str:
        """Return in which currency a customer is billed: about one in three in a foreign one."""
        abroad = sorted(self.foreign)
        if not abroad or place % 3:
            return self.currency
        return abroad[place // 3 % len(abroad)]

    def exchange_rate(self, currency: str, day: str) -> str | None:
        """Return the rate of a day; the home currency has none."""
        rates = self.foreign.get(currency)
        return rates[date.fromisoformat(day).month - 1] if rates else None

    def address(self, region: str) -> dict[str, Any]:
        """Return what a customer of that region has as addresses; empty if it does not matter."""
        place = self.addresses.get(region)
        return {"addresses": {"billing": dict(place)}} if place else {}


_CANADIAN: Mapping[str, tuple[Taxes, ...]] = {
    "BC": (("GST", "PST BC"), ("GST",), ("PST BC",), NO_TAX),
    "AB": (("GST",), NO_TAX),
    "ON": (("HST ON",), NO_TAX),
    "QC": (("GST", "QST 9.975"), ("GST",)),
    "abroad": (NO_TAX,),
}
_CANADIAN_ORDER = ("BC", "BC", "ON", "BC", "QC", "AB", "BC", "ON", "QC", "abroad")
_CANADIAN_RATES = {"GST": "5", "PST BC": "7", "HST ON": "13", "QST 9.975": "9.975"}
_CANADIAN_NAMES = {
    "GST": "Goods and services tax",
    "PST BC": "Provincial sales tax, British Columbia",
    "HST ON": "Harmonized sales tax, Ontario",
    "QST 9.975": "Québec sales tax",
}
_VANCOUVER = {
    "city": "Vancouver",
    "region": "BC",
    "postal_code": "V6B 1A1",
    "country": "CA",
}
_AMERICAN_PLACES = {
    "AZ": {"line1": "1 Canyon Road", "city": "Tucson", "region": "AZ", "country": "US"},
    "CA": {"line1": "9 Castro Street", "city": "Mountain View", "region": "CA", "country": "US"},
    "elsewhere": {"line1": "5 Elm Street", "city": "Portland", "region": "OR", "country": "US"},
}
_PORTLAND = {"city": "Portland", "region": "OR", "postal_code": "97201", "country": "US"}

CA = Kind(
    profile="ca",
    currency="CAD",
    regions=_CANADIAN,
    order=_CANADIAN_ORDER,
    rates=_CANADIAN_RATES,
    tax_names=_CANADIAN_NAMES,
    untaxed_code="Out of Scope",
    credit_region="BC",
    default_place=_VANCOUVER,
)
MULTICURRENCY = Kind(
    profile="multicurrency",
    currency="CAD",
    regions=_CANADIAN,
    order=_CANADIAN_ORDER,
    rates=_CANADIAN_RATES,
    tax_names=_CANADIAN_NAMES,
    untaxed_code="Out of Scope",
    foreign={
        "USD": ("1.3652", "1.3721", "1.3588"),
        "EUR": ("1.4817", "1.4763", "1.4905"),
        "GBP": ("1.7244", "1.7310", "1.7189"),
    },
    default_place=_VANCOUVER,
)
UK = Kind(
    profile="uk",
    currency="GBP",
    regions={
        "GB": (("20.0% S",), ("5.0% R",), ("0.0% Z",), NO_TAX),
        "NI": (("20.0% S",), ("0.0% Z",)),
        "abroad": (NO_TAX,),
    },
    order=("GB", "GB", "GB", "NI", "abroad"),
    rates={"20.0% S": "20", "5.0% R": "5", "0.0% Z": "0"},
    tax_names={"20.0% S": "VAT", "5.0% R": "VAT, reduced", "0.0% Z": "VAT, zero"},
    untaxed_code="No VAT",
    default_place={"city": "Reading", "postal_code": "RG1 1LG", "country": "GB"},
)
AU = Kind(
    profile="au",
    currency="AUD",
    regions={"AU": (("GST",), ("FRE",), NO_TAX), "abroad": (NO_TAX,)},
    order=("AU", "AU", "AU", "AU", "abroad"),
    rates={"GST": "10", "FRE": "0"},
    tax_names={"GST": "Goods and services tax", "FRE": "GST-free"},
    untaxed_code="BAS Excluded",
    chosen={"GST": "GST", "FRE": "GST free"},
    pairs={"GST": "GST (sales)", "FRE": "GST-free (sales)"},
    default_place={"city": "Sydney", "region": "NSW", "postal_code": "2000", "country": "AU"},
)
US_MANUAL = Kind(
    profile="us_manual",
    currency="USD",
    regions={
        "AZ": (("AZ State tax", "Tucson City"), NO_TAX),
        "CA": (("California",), NO_TAX),
        "elsewhere": (NO_TAX,),
    },
    order=("AZ", "AZ", "CA", "AZ", "elsewhere"),
    rates={"AZ State tax": "7.1", "Tucson City": "2", "California": "8"},
    tax_names={
        "AZ State tax": "Arizona sales tax",
        "Tucson City": "Tucson sales tax",
        "California": "California sales tax",
    },
    addresses=_AMERICAN_PLACES,
    default_place=_PORTLAND,
)
US_AST = Kind(
    profile="us_ast",
    currency="USD",
    regions={"AZ": (("TAX-AZ",), NO_TAX), "CA": (("TAX-CA",), NO_TAX), "elsewhere": (NO_TAX,)},
    order=("AZ", "AZ", "CA", "AZ", "elsewhere"),
    rates={"TAX-AZ": "9.1", "TAX-CA": "8"},
    tax_names={"TAX-AZ": "Arizona and Tucson", "TAX-CA": "California"},
    addresses=_AMERICAN_PLACES,
    adopted_region="elsewhere",
    default_place=_PORTLAND,
)
US_NONE = Kind(
    profile="us_none",
    currency="USD",
    regions={"anywhere": (NO_TAX,)},
    order=("anywhere",),
    default_place=_PORTLAND,
)

KINDS = {kind.profile: kind for kind in (CA, MULTICURRENCY, UK, AU, US_MANUAL, US_AST, US_NONE)}
