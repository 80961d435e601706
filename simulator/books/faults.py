"""
What a simulated company refuses, in QuickBooks' own codes and words.

Texts follow recorded faults where there is one; the others follow the published code list.
The protocol layer renders a :class:`Fault`; the books only raise it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

INACTIVE = (
    "Something you're trying to use has been made inactive. "
    "Check the fields with accounts, customers, items, vendors or employees."
)


@dataclass(frozen=True, slots=True)
class FaultError:
    """One member of ``Fault.Error``; *element* is None where QuickBooks leaves the key out."""

    code: str
    message: str
    detail: str
    element: str | None = ""


class Fault(Exception):
    """
    A definitive refusal: nothing was written.

    *status* is the HTTP status and *type* the ``Fault.type`` of the answer.
    """

    def __init__(
        self, errors: Iterable[FaultError], type: str = "ValidationFault", status: int = 400
    ) -> None:
        self.errors = list(errors)
        self.type = type
        self.status = status
        super().__init__("; ".join(f"{e.code} {e.detail}" for e in self.errors))

    @property
    def code(self) -> str:
        """Code of the first error, which is the only one the books ever give."""
        return self.errors[0].code

    @classmethod
    def of(
        cls,
        code: str,
        message: str,
        detail: str,
        element: str | None = "",
        *,
        type: str = "ValidationFault",
        status: int = 400,
    ) -> Fault:
        """A fault with a single error."""
        return cls([FaultError(code, message, detail, element)], type, status)

    @classmethod
    def unsupported(cls, detail: str) -> Fault:
        """500: the operation or entity does not exist here."""
        return cls.of("500", "Unsupported Operation", detail)

    @classmethod
    def not_utf8(cls) -> Fault:
        """500: characters outside what QuickBooks stores (emoji and other 4-byte ones)."""
        text = "Invalid byte 1 of 1-byte UTF-8 sequence."
        return cls.of("500", "Unsupported Operation", f"{text} The request is non UTF-8", None)

    @classmethod
    def not_found(cls) -> Fault:
        """610: unknown or deleted id."""
        return cls.of("610", "Object Not Found", f"Object Not Found : {INACTIVE}")

    @classmethod
    def cannot_link(cls, detail: str) -> Fault:
        """620: a transaction cannot be linked (type, customer, or nothing left to apply)."""
        return cls.of("620", "Txn ID Cannot Be Linked", f"Txn ID Cannot Be Linked : {detail}")

    @classmethod
    def bad_parent(cls, detail: str) -> Fault:
        """700: a parent which cannot be one."""
        return cls.of("700", "Parent Reference Invalid", f"Parent Reference Invalid : {detail}")

    @classmethod
    def own_parent(cls) -> Fault:
        """900: an object named as its own parent."""
        text = "Object cannot be its own parent"
        return cls.of("900", text, f"{text} : The parent reference names the object itself.")

    @classmethod
    def has_dependencies(cls, detail: str) -> Fault:
        """800: other transactions hang on this one."""
        text = "Cannot delete object"
        return cls.of("800", text, f"{text} : {detail}")

    @classmethod
    def unknown_property(cls, name: str, entity: str, known: Iterable[str] = ()) -> Fault:
        """2010: an attribute which the entity does not have."""
        names = list(known)
        listed = f"{len(names)} known properties: " + ", ".join(f'"{k}"' for k in names)
        detail = (
            f'Property Name:Unrecognized field "{name}" (class com.intuit.schema.finance.v3.'
            f"{entity}), not marked as ignorable ({listed} [truncated]])\n"
            " specified is unsupported or invalid"
        )
        return cls.of("2010", "Request has invalid or unsupported property", detail, None)

    @classmethod
    def missing(cls, element: str) -> Fault:
        """2020: a required attribute was left out."""
        return cls.of(
            "2020",
            "Required param missing, need to supply the required value for the API",
            f"Required parameter {element} is missing in the request",
            element,
        )

    @classmethod
    def bad_id(cls, value: object) -> Fault:
        """2030: an Id which is not a number."""
        text = "Invalid ID"
        return cls.of("2030", text, f"Id should be a valid number. Supplied value:{value}", "Id")

    @classmethod
    def bad_value(cls, element: str, detail: str) -> Fault:
        """2040: a value which its attribute cannot have."""
        return cls.of("2040", "Invalid value", f"Invalid value : {detail}", element)

    @classmethod
    def too_long(cls, element: str, maximum: int, length: int, minimum: int = 0) -> Fault:
        """2050: a text outside its bounds."""
        return cls.of(
            "2050",
            "String length is either shorter or longer than supported by specification",
            f"String length specified does not match the supported length. "
            f"Min:{minimum} Max:{maximum} supported. Supplied length:{length}",
            element,
        )

    @classmethod
    def bad_boolean(cls, element: str, value: object) -> Fault:
        """2060: not a boolean."""
        return cls.of("2060", "Invalid Boolean", f"Invalid Boolean : {value}", element)

    @classmethod
    def bad_number(cls, element: str, value: object) -> Fault:
        """2080: not a number."""
        return cls.of("2080", "Invalid Number", f"Invalid Number : {value}", element)

    @classmethod
    def bad_date(cls, element: str, value: object) -> Fault:
        """2090: not a date."""
        return cls.of("2090", "Invalid Date", f"Invalid Date : {value}", element)

    @classmethod
    def bad_enumeration(cls, element: str, value: object) -> Fault:
        """2170: a word outside the list."""
        return cls.of("2170", "Invalid Enumeration", f"Invalid Enumeration : {value}", element)

    @classmethod
    def bad_website(cls, value: object) -> Fault:
        """2200: a site without scheme."""
        return cls.of("2200", "Invalid Website", f"Invalid Website : {value}", "WebAddr")

    @classmethod
    def bad_email(cls, value: object) -> Fault:
        """2210: no ``@`` or no dot."""
        text = "Invalid Email Address format"
        detail = f"{text} : Email Address does not conform to standards: {value}"
        return cls.of("2210", text, detail, "PrimaryEmailAddr")

    @classmethod
    def bad_currency(cls, value: object) -> Fault:
        """2220: a currency the company does not know."""
        return cls.of("2220", "Invalid Currency", f"Invalid Currency : {value}", "CurrencyRef")

    @classmethod
    def posting_type_missing(cls) -> Fault:
        """2260: a journal line which is neither debit nor credit."""
        return cls.of("2260", "PostingType missing", "PostingType is required", "PostingType")

    @classmethod
    def tax_applicable_on_missing(cls) -> Fault:
        """2270: a journal line with a tax code which does not say sales or purchase."""
        text = "TaxApplicableOn missing"
        return cls.of("2270", text, f"{text} on a line with TaxCodeRef", "TaxApplicableOn")

    @classmethod
    def tax_amount_missing(cls) -> Fault:
        """2280: a journal line with a tax code but no tax."""
        return cls.of("2280", "TaxAmount missing", "TaxAmount missing on the line", "TaxAmount")

    @classmethod
    def negative_amount(cls, element: str = "Amount") -> Fault:
        """2290: a negative amount where none may stand."""
        text = "Negative amount not allowed"
        return cls.of("2290", text, f"{text} : {element} must not be negative", element)

    @classmethod
    def debits_differ(cls, debit: object, credit: object) -> Fault:
        """2300: a journal entry which does not balance."""
        text = "Total of debits and credits must be equal"
        return cls.of("2300", text, f"{text} : debits {debit}, credits {credit}", "Line")

    @classmethod
    def bad_reference(cls, kind: str, id: object) -> Fault:
        """2500: a reference to something that is not there (*kind* e.g. Names, Accounts, Items)."""
        text = "Invalid Reference Id"
        return cls.of("2500", text, f"{text} : {kind} element id {id} not found")

    @classmethod
    def inactive_reference(cls) -> Fault:
        """610 as a reference to an inactive object gets it."""
        return cls.not_found()

    @classmethod
    def stale(cls, user: str = "API API") -> Fault:
        """5010: the SyncToken sent is not the current one."""
        text = "Stale Object Error"
        detail = (
            f"{text} : You and {user} were working on this at the same time. "
            f"{user} finished before you did, so your work was not saved."
        )
        return cls.of("5010", text, detail)

    @classmethod
    def no_permission(cls, feature: str) -> Fault:
        """5020: the plan or role lacks a feature."""
        text = "Permission Denied Error"
        detail = f"{text} : You do not have permission to access this feature: {feature}"
        return cls.of("5020", text, detail)

    @classmethod
    def not_supported(cls, detail: str) -> Fault:
        """5030: a feature this company does not have."""
        return cls.of("5030", "Feature Not Supported Error", f"Feature Not Supported : {detail}")

    @classmethod
    def business(cls, detail: str) -> Fault:
        """6000: the catch-all; *detail* says it all."""
        return cls.of(
            "6000",
            "A business validation error has occurred while processing your request",
            f"Business Validation Error: {detail}",
        )

    @classmethod
    def bad_account_type(cls, detail: str) -> Fault:
        """6010: AccountType and AccountSubType missing or clashing."""
        text = "Invalid AccountType/AccountSubType"
        return cls.of("6010", text, f"{text} : {detail}", "AccountType")

    @classmethod
    def wrong_amount(cls) -> Fault:
        """6070: Amount is not UnitPrice times Qty."""
        text = "Amount calculation incorrect in the request"
        detail = f"{text} : Amount is not equal to UnitPrice * Qty. Supplied value:"
        return cls.of("6070", text, detail.removesuffix(" Supplied value:"), "Line.Amount")

    @classmethod
    def no_name(cls) -> Fault:
        """6080: a person or company without any name."""
        parts = "Title, GivenName, MiddleName, FamilyName, DisplayName, Suffix"
        text = "No Name Provided"
        return cls.of("6080", text, f"{text} : At least one of {parts} is required")

    @classmethod
    def discount_incomplete(cls) -> Fault:
        """6090: a discount line without amount or percent."""
        text = "Discount line needs an amount or a percentage"
        return cls.of("6090", text, text)

    @classmethod
    def bad_line_tax_code(cls, value: object) -> Fault:
        """6100: a US line code other than TAX or NON."""
        text = "Invalid Line TaxCode"
        detail = f"{text} : Tax Code should be TAX or NON. Supplied value:{value}"
        return cls.of("6100", text, detail, "TaxCodeRef")

    @classmethod
    def duplicate_document(cls, number: str, entity: str, id: str) -> Fault:
        """6140: the document number is taken."""
        text = "Duplicate Document Number Error"
        detail = (
            f"{text} : You must specify a different number. This number has already been used. "
            f"DocNumber={number} is assigned to TxnType={entity} with TxnId={id}"
        )
        return cls.of("6140", text, detail)

    @classmethod
    def tax_not_allowed(cls) -> Fault:
        """6170: tax details on a document declared to be without tax."""
        text = "TxnTaxDetail is not allowed"
        detail = f"{text} : TxnTaxDetail is not allowed with GlobalTaxCalculation=NotApplicable"
        return cls.of("6170", text, detail, "TxnTaxDetail")

    @classmethod
    def too_deep(cls) -> Fault:
        """6180: a hierarchy deeper than five levels."""
        text = "Hierarchy is deeper than 5 levels"
        return cls.of("6180", text, f"{text} : You have exceeded the maximum number of levels")

    @classmethod
    def period_closed(cls) -> Fault:
        """6210: dated on or before the closing date of the books."""
        text = "Account Period Closed, Cannot Update Through Services API"
        detail = (
            f"{text} : The account period has closed and the account books cannot be updated "
            "through the QBO Services API. Please use the QBO website to make these changes."
        )
        return cls.of("6210", text, detail)

    @classmethod
    def has_balance(cls) -> Fault:
        """6220: made inactive with money still open on it."""
        text = "Delete List Has Balance Error"
        return cls.of("6220", text, f"{text} : You cannot delete an entry that has a balance.")

    @classmethod
    def duplicate_name(cls, holder: str = "customer, vendor or employee") -> Fault:
        """6240: the name is taken, by a customer, vendor or employee or within a list."""
        detail = (
            f"The name supplied already exists. : Another {holder} is already using this name. "
            "Please use a different name."
        )
        return cls.of("6240", "Duplicate Name Exists Error", detail)

    @classmethod
    def bad_sales_customer(cls) -> Fault:
        """6250: a sale to somebody who cannot buy."""
        text = "Invalid Sales Customer"
        return cls.of(
            "6250", text, f"{text} : The customer cannot be used in a sale", "CustomerRef"
        )

    @classmethod
    def email_required(cls) -> Fault:
        """6420: to be e-mailed, but to nobody."""
        text = "Email address required"
        return cls.of("6420", text, f"{text} : EmailStatus is NeedToSend", "BillEmail")

    @classmethod
    def account_type_used(cls, element: str) -> Fault:
        """6430: an account of the wrong type for its place."""
        text = "Invalid account type used"
        return cls.of("6430", text, f"{text} : {element} has an account of the wrong type", element)

    @classmethod
    def detail_missing(cls, detail_type: str) -> Fault:
        """6440: DetailType without its object."""
        text = "Line detail required"
        return cls.of("6440", text, f"{text} : {detail_type} is missing", detail_type)

    @classmethod
    def void_failed(cls) -> Fault:
        """6450: cannot be voided any more."""
        text = "Void failed"
        return cls.of("6450", text, f"{text} : The transaction has already been settled")

    @classmethod
    def bad_tax_liability(cls, detail: str) -> Fault:
        """6470: a tax account or rate used in the wrong place."""
        text = "Invalid tax rate or tax liability account"
        return cls.of("6470", text, f"{text} : {detail}")

    @classmethod
    def company_status(cls) -> Fault:
        """6190: the subscription has ended, so nothing is written any more."""
        text = "Invalid Company Status"
        detail = (
            f"{text} : Subscription period has ended or canceled or there was a billing problem"
        )
        return cls.of("6190", text, detail)

    @classmethod
    def reconciled(cls) -> Fault:
        """6480: matched with the bank, so it is frozen."""
        text = "Matched transaction cannot be changed"
        detail = f"{text} : You cannot change or delete a transaction that has been reconciled."
        return cls.of("6480", text, detail)

    @classmethod
    def deposited(cls) -> Fault:
        """6540: stands on a deposit, so it is frozen."""
        text = "Deposited transaction cannot be changed"
        detail = (
            f"{text} : This transaction has been deposited. If you want to change or delete it, "
            "you must edit the deposit it appears on and remove it first."
        )
        return cls.of("6540", text, detail)
