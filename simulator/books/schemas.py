"""
What each entity may be sent: its attributes with their readers, and those silently ignored.

Lengths and words are those of the reference; attributes which QuickBooks knows but keeps to
itself (computed, deprecated, of other editions) are listed as ignored, all others are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulator.books.readers import (
    Reader,
    boolean,
    currency,
    day,
    email,
    enum,
    name_text,
    number,
    read_fields,
    record,
    reference,
    text,
    website,
    whole,
)
from simulator.books.wire import Wire

COMMON = frozenset({"Id", "SyncToken", "MetaData", "domain", "sparse", "status", "NameAndId"})


@dataclass(frozen=True, slots=True)
class Schema:
    """The attributes of one entity."""

    entity: str
    fields: Mapping[str, Reader]
    ignored: frozenset[str]
    kept: frozenset[str] = frozenset()
    """Writable attributes that a full update does not clear when they are left out."""

    def read(self, body: Mapping[str, Any]) -> Wire:
        """The writable attributes of a request, checked one by one."""
        return read_fields(self.entity, self.fields, self.ignored, body)


ADDRESS = record(
    "PhysicalAddress",
    {
        **{f"Line{number}": text(500) for number in range(1, 6)},
        "City": text(255),
        "Country": text(255),
        "CountryCode": text(255),
        "CountrySubDivisionCode": text(255),
        "PostalCode": text(30),
        "Lat": text(100),
        "Long": text(100),
        "Note": text(1000),
    },
    frozenset({"Id", "CountrySubDivisionCodeName", "PostalCodeSuffix", "Tag"}),
)
PHONE = record(
    "TelephoneNumber",
    {"FreeFormNumber": text(30)},
    frozenset({"Id", "DeviceType", "CountryCode", "AreaCode", "ExchangeCode", "Extension"}),
)
_PERSON: dict[str, Reader] = {
    "DisplayName": name_text(500),
    "Title": name_text(16),
    "GivenName": name_text(100),
    "MiddleName": name_text(100),
    "FamilyName": name_text(100),
    "Suffix": name_text(16),
    "PrintOnCheckName": text(110),
    "Active": boolean,
    "PrimaryPhone": PHONE,
    "AlternatePhone": PHONE,
    "Mobile": PHONE,
    "Fax": PHONE,
    "PrimaryEmailAddr": email,
    "WebAddr": website,
}
_PERSON_IGNORED = frozenset(
    {"FullyQualifiedName", "Balance", "Organization", "UserId", "V4IDPseudonym", "ClientEntityId"}
    | {"OtherAddr", "OtherContactInfo", "IntuitId", "Source", "TaxIdentifier", "GSTIN"}
)

CUSTOMER = Schema(
    "Customer",
    {
        **_PERSON,
        "CompanyName": name_text(100, forbidden="\t\n\r"),
        "Notes": text(2000),
        "BillAddr": ADDRESS,
        "ShipAddr": ADDRESS,
        "Job": boolean,
        "BillWithParent": boolean,
        "ParentRef": reference,
        "Taxable": boolean,
        "TaxExemptionReasonId": text(2),
        "DefaultTaxCodeRef": reference,
        "SalesTermRef": reference,
        "PaymentMethodRef": reference,
        "PreferredDeliveryMethod": enum("Print", "Email", "None"),
        "ResaleNum": text(16),
        "CurrencyRef": currency,
        "PrimaryTaxIdentifier": text(20),
        "SecondaryTaxIdentifier": text(20),
        "BusinessNumber": text(20),
        "CustomerTypeRef": reference,
    },
    COMMON
    | _PERSON_IGNORED
    | {"BalanceWithJobs", "Level", "IsProject", "OpenBalanceDate", "ARAccountRef"}
    | {"OverDueBalance", "TotalRevenue", "TotalExpense", "CCDetail", "AcctNum", "CustomField"}
    | {"CreditLimit", "PriceLevelRef", "JobInfo", "RootCustomerRef", "CustomerEx", "TaxRegime"},
    kept=frozenset({"Active", "CurrencyRef"}),
)
VENDOR = Schema(
    "Vendor",
    {
        **_PERSON,
        "CompanyName": name_text(100, forbidden="\t\n\r"),
        "AcctNum": text(100),
        "BillAddr": ADDRESS,
        "TermRef": reference,
        "CurrencyRef": currency,
        "Vendor1099": boolean,
        "Notes": text(4000),
    },
    COMMON | _PERSON_IGNORED | {"BillRate", "APAccountRef", "VendorEx", "TaxReportingBasis"},
    kept=frozenset({"Active", "CurrencyRef"}),
)
EMPLOYEE = Schema(
    "Employee",
    {
        **_PERSON,
        "EmployeeNumber": text(100),
        "PrimaryAddr": ADDRESS,
        "HiredDate": day,
        "ReleasedDate": day,
        "BillableTime": boolean,
    },
    COMMON | _PERSON_IGNORED | {"SSN", "Gender", "BirthDate", "BillRate", "CostRate"},
    kept=frozenset({"Active"}),
)
ITEM = Schema(
    "Item",
    {
        "Name": name_text(100),
        "Sku": text(100),
        "Description": text(4000),
        "PurchaseDesc": text(1000),
        "Type": enum("Service", "NonInventory", "Inventory", "Category", "Group"),
        "Active": boolean,
        "SubItem": boolean,
        "ParentRef": reference,
        "Taxable": boolean,
        "SalesTaxIncluded": boolean,
        "PurchaseTaxIncluded": boolean,
        "UnitPrice": number,
        "PurchaseCost": number,
        "IncomeAccountRef": reference,
        "ExpenseAccountRef": reference,
        "AssetAccountRef": reference,
        "SalesTaxCodeRef": reference,
        "PurchaseTaxCodeRef": reference,
        "TaxClassificationRef": reference,
        "ClassRef": reference,
        "TrackQtyOnHand": boolean,
        "QtyOnHand": number,
        "InvStartDate": day,
        "ReorderPoint": number,
        "PrefVendorRef": reference,
    },
    COMMON
    | {"FullyQualifiedName", "Level", "DeferredRevenue", "ItemGroupDetail", "Source", "ItemEx"}
    | {"AvgCost", "QtyOnPurchaseOrder", "QtyOnSalesOrder", "CustomField", "ItemCategoryType"}
    | {"PrintGroupedItems", "UQCDisplayText", "UQCId", "ServiceType", "AbatementRate"},
    kept=frozenset({"Active", "Type"}),
)
ACCOUNT = Schema(
    "Account",
    {
        "Name": name_text(100, forbidden=':"\t\n\r'),
        "AcctNum": text(20),
        "Description": text(100),
        "AccountType": text(100),
        "AccountSubType": text(100),
        "SubAccount": boolean,
        "ParentRef": reference,
        "Active": boolean,
        "CurrencyRef": currency,
        "TaxCodeRef": reference,
    },
    COMMON
    | {"Classification", "FullyQualifiedName", "CurrentBalance", "CurrentBalanceWithSubAccounts"}
    | {"OpeningBalance", "OpeningBalanceDate", "AccountAlias", "TxnLocationType", "BankNum"},
    kept=frozenset({"Active", "CurrencyRef", "AccountType", "AccountSubType"}),
)
PAYMENT_METHOD = Schema(
    "PaymentMethod",
    {
        "Name": name_text(31),
        "Type": enum("CREDIT_CARD", "NON_CREDIT_CARD"),
        "Active": boolean,
    },
    COMMON,
    kept=frozenset({"Active"}),
)
TERM = Schema(
    "Term",
    {
        "Name": name_text(31),
        "Active": boolean,
        "DueDays": whole(0, 999),
        "DiscountDays": whole(0, 999),
        "DiscountPercent": number,
        "DayOfMonthDue": whole(1, 31),
        "DueNextMonthDays": whole(0, 999),
        "DiscountDayOfMonth": whole(1, 31),
    },
    COMMON | {"Type", "SalesTermEx"},
    kept=frozenset({"Active"}),
)
CLASS = Schema(
    "Class",
    {"Name": name_text(100), "SubClass": boolean, "ParentRef": reference, "Active": boolean},
    COMMON | {"FullyQualifiedName"},
    kept=frozenset({"Active"}),
)
DEPARTMENT = Schema(
    "Department",
    {
        "Name": name_text(100),
        "SubDepartment": boolean,
        "ParentRef": reference,
        "Active": boolean,
        "Address": ADDRESS,
    },
    COMMON | {"FullyQualifiedName"},
    kept=frozenset({"Active"}),
)
TAX_AGENCY = Schema(
    "TaxAgency",
    {"DisplayName": name_text(100), "TaxRegistrationNumber": text(100)},
    COMMON | {"TaxTrackedOnSales", "TaxTrackedOnPurchases", "LastFileDate", "TaxAgencyConfig"},
)
COMPANY_CURRENCY = Schema(
    "CompanyCurrency",
    {"Code": text(3, minimum=3), "Active": boolean},
    COMMON | {"Name"},
    kept=frozenset({"Active", "Code"}),
)
EXCHANGE_RATE = Schema(
    "ExchangeRate",
    {
        "SourceCurrencyCode": text(3, minimum=3),
        "TargetCurrencyCode": text(3, minimum=3),
        "Rate": number,
        "AsOfDate": day,
    },
    COMMON,
)
COMPANY_INFO = Schema(
    "CompanyInfo",
    {
        "CompanyName": text(1024),
        "LegalName": text(1024),
        "CompanyAddr": ADDRESS,
        "LegalAddr": ADDRESS,
        "CustomerCommunicationAddr": ADDRESS,
        "PrimaryPhone": PHONE,
        "Email": email,
        "CustomerCommunicationEmailAddr": email,
        "WebAddr": website,
    },
    COMMON
    | {"Country", "FiscalYearStartMonth", "SupportedLanguages", "CompanyStartDate", "NameValue"}
    | {"DefaultTimeZone", "EmployerId", "TaxYearStartMonth", "MultiByteCharsSupported"},
)
