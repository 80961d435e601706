"""Which property of which entity can be asked for, and what kind of value it has."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FieldKind(StrEnum):
    """Decides operators, comparison and ordering."""

    ID = "id"
    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    TIME = "time"
    REF = "ref"
    HIDDEN = "hidden"  # It exists, and cannot be filtered or ordered by.


@dataclass(frozen=True, slots=True)
class Field:
    """A property: its name as QuickBooks writes it, where it stands in a row, and its kind."""

    name: str
    path: tuple[str, ...]
    kind: FieldKind


NAME_LISTS = frozenset(
    {
        "Customer",
        "Vendor",
        "Employee",
        "Item",
        "Account",
        "TaxCode",
        "TaxRate",
        "Class",
        "Department",
        "Term",
        "PaymentMethod",
        "CompanyCurrency",
    }
)
"""Queries give only the active ones of these unless Active is asked for."""

COUNTED = frozenset({"Invoice", "JournalEntry", "Deposit", "BillPayment"})
"""Entities recorded with ``totalCount`` in a query answer."""

UNSORTED = frozenset({"TaxAgency"})
"""Entities whose answers do not follow ORDERBY."""

_PERSON = (
    "text:DisplayName,GivenName,MiddleName,FamilyName,CompanyName,PrintOnCheckName,Title,Suffix "
    "boolean:Active number:Balance"
)
_SALE = (
    "date:TxnDate text:DocNumber ref:CustomerRef number:TotalAmt number:Balance "
    "hidden:PrivateNote,DepartmentRef,ClassRef,Line,EmailStatus,LinkedTxn,CurrencyRef,BillAddr,"
    "ShipAddr,BillEmail,CustomerMemo,TxnTaxDetail,ExchangeRate,GlobalTaxCalculation,PrintStatus,"
    "CustomField,HomeTotalAmt,HomeBalance,ApplyTaxAfterDiscount"
)

_SPEC = {
    "Customer": (
        f"{_PERSON} text:FullyQualifiedName,PrimaryEmailAddr.Address hidden:Notes,BillAddr,"
        "ShipAddr,CurrencyRef,PrimaryPhone,Taxable,Job,ParentRef,SalesTermRef,BalanceWithJobs,"
        "PreferredDeliveryMethod,WebAddr,Level,IsProject,DefaultTaxCodeRef,PaymentMethodRef"
    ),
    "Vendor": f"{_PERSON} hidden:PrimaryEmailAddr,BillAddr,CurrencyRef,PrimaryPhone,Vendor1099",
    "Employee": f"{_PERSON} hidden:PrimaryAddr,PrimaryPhone,SSN",
    "Item": (
        "text:Name,FullyQualifiedName,Type boolean:SubItem,Taxable,Active hidden:Sku,Description,"
        "UnitPrice,IncomeAccountRef,ExpenseAccountRef,AssetAccountRef,ParentRef,Level,QtyOnHand,"
        "TrackQtyOnHand,PurchaseCost,PurchaseDesc,SalesTaxCodeRef,InvStartDate,SalesTaxIncluded"
    ),
    "Account": (
        "text:Name,FullyQualifiedName,AccountType,AccountSubType,Classification "
        "boolean:Active,SubAccount number:CurrentBalance hidden:AcctNum,CurrencyRef,Description,"
        "ParentRef,CurrentBalanceWithSubAccounts,TaxCodeRef"
    ),
    "Invoice": f"{_SALE} date:DueDate ref:SalesTermRef,ProjectRef hidden:Deposit",
    "CreditMemo": f"{_SALE} hidden:RemainingCredit",
    "SalesReceipt": f"{_SALE} hidden:DepositToAccountRef,PaymentMethodRef,PaymentRefNum",
    "RefundReceipt": f"{_SALE} hidden:DepositToAccountRef,PaymentMethodRef,PaymentRefNum",
    "Estimate": f"{_SALE} hidden:TxnStatus",
    "Payment": (
        "date:TxnDate number:TotalAmt ref:CustomerRef,PaymentMethodRef text:PaymentRefNum "
        "hidden:PrivateNote,Line,UnappliedAmt,DepositToAccountRef,CurrencyRef,LinkedTxn,"
        "ARAccountRef,ProcessPayment,ExchangeRate"
    ),
    "JournalEntry": (
        "date:TxnDate text:DocNumber hidden:PrivateNote,Line,Adjustment,TotalAmt,CurrencyRef,"
        "ExchangeRate,TxnTaxDetail,GlobalTaxCalculation"
    ),
    "Purchase": (
        "date:TxnDate text:DocNumber,PaymentType number:TotalAmt ref:AccountRef "
        "hidden:PrivateNote,Line,EntityRef,CurrencyRef,ExchangeRate,PaymentMethodRef,"
        "GlobalTaxCalculation,TxnTaxDetail"
    ),
    "Deposit": (
        "date:TxnDate number:TotalAmt ref:DepositToAccountRef hidden:PrivateNote,Line,CashBack,"
        "CurrencyRef,ExchangeRate"
    ),
    "TaxCode": (
        "text:Name,Description boolean:Active hidden:Taxable,TaxGroup,Hidden,SalesTaxRateList,"
        "PurchaseTaxRateList,TaxCodeConfigType"
    ),
    "TaxRate": (
        "text:Name,Description boolean:Active ref:AgencyRef,TaxReturnLineRef hidden:RateValue,"
        "EffectiveTaxRate,SpecialTaxType,DisplayType"
    ),
    "TaxAgency": (
        "text:DisplayName hidden:TaxTrackedOnSales,TaxTrackedOnPurchases,TaxRegistrationNumber,"
        "TaxAgencyConfig,LastFileDate"
    ),
    "Term": (
        "text:Name boolean:Active hidden:DueDays,DiscountDays,DiscountPercent,Type,DayOfMonthDue,"
        "DueNextMonthDays,DiscountDayOfMonth"
    ),
    "PaymentMethod": "text:Name,Type boolean:Active",
    "Class": "text:Name,FullyQualifiedName boolean:Active,SubClass hidden:ParentRef",
    "Department": "text:Name,FullyQualifiedName boolean:Active,SubDepartment hidden:ParentRef",
    "CompanyCurrency": "text:Code,Name boolean:Active",
    "ExchangeRate": ("text:SourceCurrencyCode,TargetCurrencyCode date:AsOfDate hidden:Rate"),
    "CompanyInfo": "text:CompanyName hidden:LegalName,Country,NameValue",
    "Preferences": "hidden:SalesFormsPrefs,TaxPrefs,CurrencyPrefs,AccountingInfoPrefs",
}

_COMMON = (
    "id:Id time:MetaData.CreateTime,MetaData.LastUpdatedTime "
    "hidden:SyncToken,domain,sparse,MetaData"
)

_ALIASES = {"primaryemailaddr.address": "primaryemailaddr"}


def entity_named(name: str) -> str | None:
    """The proper spelling of an entity this table knows, whatever the case of *name*."""
    return _BY_LOWER.get(name.lower())


def field_of(entity: str, name: str) -> Field | None:
    """The field behind a property name in any case, or None when the entity has none such."""
    return _FIELDS[entity].get(name.lower())


def _fields(spec: str) -> dict[str, Field]:
    found: dict[str, Field] = {}
    for part in spec.split():
        kind, names = part.split(":")
        for name in names.split(","):
            field = Field(name, tuple(name.split(".")), FieldKind(kind))
            found[_ALIASES.get(name.lower(), name.lower())] = field
    return found


_FIELDS = {entity: _fields(f"{_COMMON} {spec}") for entity, spec in _SPEC.items()}
_BY_LOWER = {name.lower(): name for name in _SPEC}
