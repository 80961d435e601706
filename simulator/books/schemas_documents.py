"""
What each transaction may be sent: its attributes with their readers, and those silently ignored.

See `schemas` for the lists and for what ignored means.
"""

from __future__ import annotations

from simulator.books.readers import (
    Reader,
    boolean,
    currency,
    day,
    email,
    enum,
    many,
    money,
    number,
    record,
    reference,
    text,
    typed_reference,
)
from simulator.books.schemas import ADDRESS, COMMON, Schema

CUSTOM_FIELD = record(
    "CustomField",
    {
        "DefinitionId": text(50),
        "Name": text(100),
        "Type": enum("StringType", "BooleanType", "NumberType", "DateType"),
        "StringValue": text(31),
    },
)

_LINKED = many(record("LinkedTxn", {"TxnId": text(20), "TxnType": text(50), "TxnLineId": text(20)}))
_TAX_LINE = record(
    "Line",
    {
        "Amount": money,
        "DetailType": enum("TaxLineDetail"),
        "TaxLineDetail": record(
            "TaxLineDetail",
            {
                "TaxRateRef": reference,
                "PercentBased": boolean,
                "TaxPercent": number,
                "NetAmountTaxable": money,
                "TaxInclusiveAmount": money,
                "OverrideDeltaAmount": money,
            },
            frozenset({"ServiceDate"}),
        ),
    },
    frozenset({"Id", "LineNum", "Description"}),
)
TAX_DETAIL = record(
    "TxnTaxDetail",
    {
        "TxnTaxCodeRef": reference,
        "TotalTax": money,
        "TaxLine": many(_TAX_LINE),
        "UseAutomatedSalesTax": boolean,
        "TaxReviewStatus": text(50),
    },
    frozenset({"DefaultTaxCodeRef"}),
)
_SALES_DETAIL = record(
    "SalesItemLineDetail",
    {
        "ItemRef": reference,
        "UnitPrice": number,
        "Qty": number,
        "TaxCodeRef": reference,
        "ClassRef": reference,
        "ServiceDate": day,
        "TaxInclusiveAmt": money,
        "TaxClassificationRef": reference,
        "DiscountRate": number,
        "DiscountAmt": money,
        "DeferredRevenue": boolean,
        "MarkupInfo": lambda value, _name: value,
    },
    frozenset({"ItemAccountRef", "RatePercent", "UOMRef", "PriceLevelRef"}),
)
_LINE_COMMON: dict[str, Reader] = {
    "Id": text(20),
    "Description": text(4000),
    "Amount": money,
    "LinkedTxn": _LINKED,
}
_LINE_IGNORED = frozenset({"LineNum", "Received", "CustomField", "CustomExtensions", "LineEx"})
_SALES_LINE: dict[str, Reader] = {
    **_LINE_COMMON,
    "DetailType": enum(
        "SalesItemLineDetail",
        "DiscountLineDetail",
        "SubTotalLineDetail",
        "GroupLineDetail",
        "DescriptionOnly",
        "DescriptionLineDetail",
    ),
    "SalesItemLineDetail": _SALES_DETAIL,
    "DiscountLineDetail": record(
        "DiscountLineDetail",
        {
            "PercentBased": boolean,
            "DiscountPercent": number,
            "DiscountAccountRef": reference,
            "ClassRef": reference,
            "TaxCodeRef": reference,
        },
        frozenset({"ServiceDate", "Discount"}),
    ),
    "SubTotalLineDetail": record(
        "SubTotalLineDetail", {}, frozenset({"ItemRef", "ServiceDate", "Qty", "UnitPrice"})
    ),
    "DescriptionLineDetail": record(
        "DescriptionLineDetail", {"ServiceDate": day, "TaxCodeRef": reference}
    ),
}
_SALES_LINE["GroupLineDetail"] = record(
    "GroupLineDetail",
    {
        "GroupItemRef": reference,
        "Quantity": number,
        "Line": many(record("Line", dict(_SALES_LINE), _LINE_IGNORED)),
    },
    frozenset({"UOMRef", "ServiceDate"}),
)
_DOCUMENT: dict[str, Reader] = {
    "DocNumber": text(21),
    "TxnDate": day,
    "PrivateNote": text(4000),
    "CurrencyRef": currency,
    "ExchangeRate": number,
    "DepartmentRef": reference,
    "TxnTaxDetail": TAX_DETAIL,
    "GlobalTaxCalculation": enum("TaxExcluded", "TaxInclusive", "NotApplicable"),
    "TransactionLocationType": text(50),
}
_DOCUMENT_IGNORED = COMMON | frozenset(
    {"TotalAmt", "HomeTotalAmt", "HomeBalance", "Balance", "TxnSource", "TxnStatus", "Tag"}
    | {"RecurDataRef", "RecurringInfo", "TaxFormNum", "TaxFormType", "TxnApprovalInfo"}
    | {"CustomExtensions", "AttachableRef"}
)
_SALE: dict[str, Reader] = {
    **_DOCUMENT,
    "CustomerRef": reference,
    "CustomerMemo": record("MemoRef", {"value": text(1000)}, frozenset({"name"})),
    "Line": many(record("Line", _SALES_LINE, _LINE_IGNORED)),
    "BillAddr": ADDRESS,
    "ShipAddr": ADDRESS,
    "ShipFromAddr": ADDRESS,
    "ClassRef": reference,
    "ApplyTaxAfterDiscount": boolean,
    "EmailStatus": enum("NotSet", "NeedToSend", "EmailSent"),
    "PrintStatus": enum("NotSet", "NeedToPrint", "PrintComplete"),
    "BillEmail": email,
    "BillEmailCc": email,
    "BillEmailBcc": email,
    "CustomField": many(CUSTOM_FIELD),
    "PaymentMethodRef": reference,
    "PaymentRefNum": text(21),
    "ShipDate": day,
    "ShipMethodRef": reference,
    "TrackingNum": text(31),
    "ProjectRef": reference,
}
_SALE_IGNORED = _DOCUMENT_IGNORED | frozenset(
    {
        "RemainingCredit",
        "FreeFormAddress",
        "DeliveryInfo",
        "DiscountRate",
        "DiscountAmt",
        "PONumber",
    }
    | {"InvoiceLink", "InvoiceEx", "EInvoiceStatus", "ECloudStatusTimeStamp", "AutoDocNumber"}
    | {"callToAction", "invoiceStatus", "invoiceStatusLog", "LessCIS", "ConvenienceFeeDetail"}
    | {"PaymentDetailsMessage", "RemitToRef", "SalesRepRef", "FOB", "PaymentType", "HomeAmtDue"}
    | {"CheckPayment", "CreditCardPayment", "ProcessPayment", "ARAccountRef", "InvoiceRef"}
)
INVOICE = Schema(
    "Invoice",
    {
        **_SALE,
        "DueDate": day,
        "SalesTermRef": reference,
        "LinkedTxn": _LINKED,
        "Deposit": money,
        "DepositToAccountRef": reference,
        "AllowIPNPayment": boolean,
        "AllowOnlinePayment": boolean,
        "AllowOnlineCreditCardPayment": boolean,
        "AllowOnlineACHPayment": boolean,
    },
    _SALE_IGNORED,
    kept=frozenset({"CurrencyRef", "ExchangeRate"}),
)
CREDIT_MEMO = Schema(
    "CreditMemo",
    {**_SALE, "SalesTermRef": reference},
    _SALE_IGNORED | {"LinkedTxn", "DueDate", "DepositToAccountRef"},
    kept=frozenset({"CurrencyRef", "ExchangeRate"}),
)
SALES_RECEIPT = Schema(
    "SalesReceipt",
    {**_SALE, "DepositToAccountRef": reference},
    _SALE_IGNORED | {"LinkedTxn", "DueDate"},
    kept=frozenset({"CurrencyRef", "ExchangeRate"}),
)
REFUND_RECEIPT = Schema(
    "RefundReceipt",
    {**_SALE, "DepositToAccountRef": reference},
    _SALE_IGNORED | {"LinkedTxn", "DueDate"},
    kept=frozenset({"CurrencyRef", "ExchangeRate"}),
)
PAYMENT = Schema(
    "Payment",
    {
        "CustomerRef": reference,
        "TotalAmt": money,
        "TxnDate": day,
        "PrivateNote": text(4000),
        "PaymentRefNum": text(21),
        "PaymentMethodRef": reference,
        "DepositToAccountRef": reference,
        "CurrencyRef": currency,
        "ExchangeRate": number,
        "TransactionLocationType": text(50),
        "Line": many(
            record(
                "Line",
                {"Amount": money, "LinkedTxn": _LINKED},
                _LINE_IGNORED | {"Id", "DetailType", "Description"},
            )
        ),
    },
    _DOCUMENT_IGNORED
    | {"UnappliedAmt", "ProcessPayment", "ARAccountRef", "LinkedTxn", "PaymentType"}
    | {"CreditCardPayment", "CheckPayment", "TaxExemptionRef", "DocNumber", "DepartmentRef"},
    kept=frozenset({"CurrencyRef", "ExchangeRate"}),
)

_JOURNAL_LINE = record(
    "Line",
    {
        "Id": text(20),
        "Description": text(4000),
        "Amount": money,
        "DetailType": enum("JournalEntryLineDetail", "DescriptionOnly"),
        "JournalEntryLineDetail": record(
            "JournalEntryLineDetail",
            {
                "PostingType": enum("Debit", "Credit"),
                "AccountRef": reference,
                "Entity": record(
                    "EntityTypeRef",
                    {"Type": enum("Customer", "Vendor", "Employee"), "EntityRef": reference},
                ),
                "ClassRef": reference,
                "DepartmentRef": reference,
                "TaxCodeRef": reference,
                "TaxApplicableOn": enum("Sales", "Purchase"),
                "TaxAmount": money,
                "TaxInclusiveAmt": money,
                "JournalCodeRef": reference,
            },
            frozenset({"BillableStatus"}),
        ),
        "DescriptionLineDetail": record("DescriptionLineDetail", {"ServiceDate": day}),
    },
    _LINE_IGNORED | {"LinkedTxn"},
)
JOURNAL_ENTRY = Schema(
    "JournalEntry",
    {**_DOCUMENT, "Adjustment": boolean, "Line": many(_JOURNAL_LINE)},
    _DOCUMENT_IGNORED | {"LinkedTxn", "HomeCurrencyAdjustment", "EnteredInHomeCurrency"},
    kept=frozenset({"CurrencyRef", "ExchangeRate"}),
)

_EXPENSE_PART: dict[str, Reader] = {
    "TaxCodeRef": reference,
    "ClassRef": reference,
    "CustomerRef": reference,
    "BillableStatus": enum("Billable", "NotBillable", "HasBeenBilled"),
    "TaxInclusiveAmt": money,
}
PURCHASE = Schema(
    "Purchase",
    {
        **_DOCUMENT,
        "PaymentType": enum("Cash", "Check", "CreditCard"),
        "AccountRef": reference,
        "EntityRef": typed_reference,
        "PaymentMethodRef": reference,
        "PaymentRefNum": text(21),
        "Credit": boolean,
        "PrintStatus": enum("NotSet", "NeedToPrint", "PrintComplete"),
        "Line": many(
            record(
                "Line",
                {
                    **_LINE_COMMON,
                    "DetailType": enum(
                        "AccountBasedExpenseLineDetail", "ItemBasedExpenseLineDetail"
                    ),
                    "AccountBasedExpenseLineDetail": record(
                        "AccountBasedExpenseLineDetail",
                        {**_EXPENSE_PART, "AccountRef": reference},
                        frozenset({"TaxAmount", "MarkupInfo"}),
                    ),
                    "ItemBasedExpenseLineDetail": record(
                        "ItemBasedExpenseLineDetail",
                        {**_EXPENSE_PART, "ItemRef": reference, "Qty": number, "UnitPrice": number},
                        frozenset({"PriceLevelRef", "MarkupInfo"}),
                    ),
                },
                _LINE_IGNORED,
            )
        ),
    },
    _DOCUMENT_IGNORED | {"PurchaseEx", "LinkedTxn", "RemitToAddr", "IncludeInAnnualTPAR"},
    kept=frozenset({"CurrencyRef", "ExchangeRate", "PaymentType"}),
)

DEPOSIT = Schema(
    "Deposit",
    {
        "TxnDate": day,
        "PrivateNote": text(4000),
        "CurrencyRef": currency,
        "ExchangeRate": number,
        "DepartmentRef": reference,
        "DepositToAccountRef": reference,
        "CashBack": record(
            "CashBackInfo", {"AccountRef": reference, "Amount": money, "Memo": text(4000)}
        ),
        "Line": many(
            record(
                "Line",
                {
                    **_LINE_COMMON,
                    "DetailType": enum("DepositLineDetail"),
                    "DepositLineDetail": record(
                        "DepositLineDetail",
                        {
                            "AccountRef": reference,
                            "Entity": typed_reference,
                            "PaymentMethodRef": reference,
                            "CheckNum": text(21),
                            "ClassRef": reference,
                        },
                        frozenset({"TxnType", "TaxCodeRef", "TaxApplicableOn"}),
                    ),
                },
                _LINE_IGNORED,
            )
        ),
    },
    _DOCUMENT_IGNORED | {"DocNumber", "TxnTaxDetail", "GlobalTaxCalculation", "LinkedTxn"},
    kept=frozenset({"CurrencyRef", "ExchangeRate"}),
)
