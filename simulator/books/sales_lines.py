"""Lines of a sales form: checked, numbered, priced, and added up by income account."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from simulator.books.accounts import account_for
from simulator.books.faults import Fault
from simulator.books.lists import display
from simulator.books.money import ZERO, cents, percent_of, total
from simulator.books.state import Books
from simulator.books.tax import TaxedLine, us_line_code
from simulator.books.wire import Wire, ref, ref_id

MOST_LINES = 10_000
SHIPPING_ITEM = "SHIPPING_ITEM_ID"


@dataclass(slots=True)
class SalesLines:
    """What the lines of a form come to; amounts by account are credits of an invoice."""

    taxing: bool = True
    """False where the form carries no tax, so that lines need no code."""
    trusted: bool = False
    """Lines already stored are not checked again: their items may be inactive by now."""
    wire: list[Wire] = field(default_factory=list)
    taxed: list[TaxedLine] = field(default_factory=list)
    by_account: dict[str, Decimal] = field(default_factory=dict)
    subtotal: Decimal = ZERO
    net: Decimal = ZERO

    def book(self, account_id: str, amount: Decimal) -> None:
        """Add *amount* to an account and to the net."""
        self.by_account[account_id] = self.by_account.get(account_id, ZERO) + amount
        self.net += amount


def read_lines(
    books: Books,
    sent: list[Wire],
    former: Wire | None,
    *,
    after_discount: bool,
    taxing: bool,
    trusted: bool = False,
) -> SalesLines:
    """Check the lines and add them up; QuickBooks' own subtotal line comes in behind them."""
    if len(sent) > MOST_LINES:
        raise Fault.business("A transaction can have at most 10000 lines.")
    read = SalesLines(taxing, trusted)
    ids = _line_ids(sent, former)
    discounts: list[Wire] = []
    for line in sent:
        kind = line.get("DetailType")
        if kind is None:
            raise Fault.missing("DetailType")
        if kind == "SubTotalLineDetail":
            continue
        if kind == "DiscountLineDetail":
            discounts.append(line)
            continue
        read.wire.append(_line(books, read, line, next(ids)))
    if not read.wire:
        raise Fault.missing("Line")
    subtotal = {"Amount": read.subtotal, "DetailType": "SubTotalLineDetail"}
    read.wire.append({**subtotal, "SubTotalLineDetail": {}})
    for line in discounts:
        _discount(books, read, line, after_discount=after_discount)
    return read


def _line_ids(sent: list[Wire], former: Wire | None) -> Iterator[str]:
    """Sent ids of a form that exists stay; new lines get ids never used on it."""
    held = [] if former is None else [line["Id"] for line in former["Line"] if "Id" in line]
    free = max((int(id) for id in held if id.isdigit()), default=0)
    for line in sent:
        if line.get("DetailType") in {"SubTotalLineDetail", "DiscountLineDetail"}:
            continue
        if line.get("Id") in held:
            held.remove(line["Id"])
            yield line["Id"]
        else:
            free += 1
            yield str(free)


def _line(books: Books, read: SalesLines, line: Wire, id: str) -> Wire:
    head: Wire = {"Id": id, "LineNum": len(read.wire) + 1}
    if line.get("Description"):
        head["Description"] = line["Description"]
    match line["DetailType"]:
        case "SalesItemLineDetail":
            return {**head, **_item_line(books, read, line)}
        case "GroupLineDetail":
            return {**head, **_group_line(books, read, line)}
    if "Amount" in line:
        head["Amount"] = line["Amount"]
    detail = line.get("DescriptionLineDetail", {})
    return {**head, "DetailType": "DescriptionOnly", "DescriptionLineDetail": detail}


def _item_line(books: Books, read: SalesLines, line: Wire) -> Wire:
    detail = line.get("SalesItemLineDetail")
    if detail is None:
        raise Fault.detail_missing("SalesItemLineDetail")
    if "Amount" not in line:
        raise Fault.missing("Amount")
    amount: Decimal = line["Amount"]
    priced = "Qty" in detail and "UnitPrice" in detail
    if priced and cents(detail["Qty"] * detail["UnitPrice"]) != amount:
        raise Fault.wrong_amount()
    stored = dict(detail) if read.trusted else _detail(books, detail)
    if read.taxing:
        read.taxed.append(
            TaxedLine(amount, ref_id(stored, "TaxCodeRef"), stored.get("TaxInclusiveAmt"))
        )
    read.subtotal += amount
    read.book(stored["ItemAccountRef"]["value"], amount)
    written: Wire = {
        "Amount": amount,
        "DetailType": "SalesItemLineDetail",
        "SalesItemLineDetail": stored,
        "CustomExtensions": [],
    }
    return {"LinkedTxn": line["LinkedTxn"], **written} if "LinkedTxn" in line else written


def _detail(books: Books, detail: Wire) -> Wire:
    if "ItemRef" not in detail:
        raise Fault.missing("ItemRef")
    if detail["ItemRef"]["value"] == SHIPPING_ITEM:
        if books.preference("SalesFormsPrefs", "AllowShipping") is not True:
            raise Fault.business("Shipping is switched off for this company.")
        account = books.store.rows["Account"][books.account_in_role("income")]
        item_ref = ref(SHIPPING_ITEM)
    else:
        item = books.referred("Item", detail["ItemRef"])
        if item["Type"] == "Category":
            raise Fault.bad_reference("Items", item["Id"])
        item_ref = ref(item["Id"], item["FullyQualifiedName"])
        id = ref_id(item, "IncomeAccountRef") or books.account_in_role("income")
        account = books.store.rows["Account"][id]
    stored = {name: value for name, value in detail.items() if name != "ClassRef"}
    stored["ItemRef"] = item_ref
    stored["ItemAccountRef"] = ref(account["Id"], display("Account", account))
    if "ClassRef" in detail:
        group = books.referred("Class", detail["ClassRef"])
        if books.preference("AccountingInfoPrefs", "ClassTrackingPerTxnLine"):
            stored["ClassRef"] = ref(group["Id"], display("Class", group))
    _settle_code(books, stored)
    return stored


def _settle_code(books: Books, detail: Wire) -> None:
    """Check the code of a line; US lines without one get theirs."""
    code = ref_id(detail, "TaxCodeRef")
    if books.profile.is_us:
        detail["TaxCodeRef"] = ref(us_line_code(books, code))
    elif code is not None:
        found = books.referred("TaxCode", detail["TaxCodeRef"])
        if not found["SalesTaxRateList"]["TaxRateDetail"]:
            raise Fault.business(f"The tax code {found['Name']} cannot be used on sales.")


def _group_line(books: Books, read: SalesLines, line: Wire) -> Wire:
    """A bundle: its lines count, it itself shows their sum."""
    detail = line.get("GroupLineDetail")
    if detail is None:
        raise Fault.detail_missing("GroupLineDetail")
    before = read.subtotal
    nested = []
    for place, inner in enumerate(detail.get("Line", []), start=1):
        if inner.get("DetailType") != "SalesItemLineDetail":
            raise Fault.bad_enumeration("DetailType", inner.get("DetailType"))
        head = {"Id": str(place), "LineNum": place}
        nested.append({**head, **_item_line(books, read, inner)})
    stored: Wire = {"Line": nested}
    if "GroupItemRef" in detail:
        item = books.referred("Item", detail["GroupItemRef"])
        stored["GroupItemRef"] = ref(item["Id"], item["FullyQualifiedName"])
    if "Quantity" in detail:
        stored["Quantity"] = detail["Quantity"]
    return {
        "Amount": read.subtotal - before,
        "DetailType": "GroupLineDetail",
        "GroupLineDetail": stored,
    }


def _discount(books: Books, read: SalesLines, line: Wire, *, after_discount: bool) -> None:
    """A discount: a percentage of the subtotal or an amount, subtracted."""
    if books.preference("SalesFormsPrefs", "AllowDiscount") is not True:
        raise Fault.business("Discounts are switched off for this company.")
    detail = line.get("DiscountLineDetail", {})
    if detail.get("PercentBased") and "DiscountPercent" in detail:
        amount = percent_of(read.subtotal, detail["DiscountPercent"])
    elif "Amount" in line:
        amount = line["Amount"]
    else:
        raise Fault.discount_incomplete()
    sent = detail.get("DiscountAccountRef") or ref(books.account_in_role("discount"))
    account = account_for(books, sent, "DiscountAccountRef", None)
    stored = {**detail, "DiscountAccountRef": ref(account["Id"], display("Account", account))}
    stored.setdefault("PercentBased", False)
    _untax(books, read, detail, amount, after_discount=after_discount)
    read.book(account["Id"], -amount)
    read.wire.append(
        {"Amount": amount, "DetailType": "DiscountLineDetail", "DiscountLineDetail": stored}
    )


def _untax(
    books: Books, read: SalesLines, detail: Wire, amount: Decimal, *, after_discount: bool
) -> None:
    """A discount lowers the taxable base: by its own code, or in the US by the header's switch."""
    code = ref_id(detail, "TaxCodeRef")
    if not books.profile.is_us:
        if code is not None and read.taxed:
            books.referred("TaxCode", detail["TaxCodeRef"])
            read.taxed.append(TaxedLine(-amount, code))
    elif after_discount and read.subtotal:
        taxable = total(line.net for line in read.taxed if line.code == "TAX")
        read.taxed.append(TaxedLine(-cents(amount * taxable / read.subtotal), "TAX"))
