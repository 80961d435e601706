"""Journal entries: debits and credits as sent, receivables and payables with their names."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from simulator.books.currencies import transaction_currency
from simulator.books.faults import Fault
from simulator.books.ledger import Posting
from simulator.books.lists import display, draft_of, is_sparse, without_nothing
from simulator.books.money import ZERO, cents, spread, total
from simulator.books.numbers import claim_number, release_number
from simulator.books.schemas_documents import JOURNAL_ENTRY
from simulator.books.state import Books
from simulator.books.tax import drop_global_calculation, tax_code_missing
from simulator.books.tax_lists import Side, components
from simulator.books.wire import Wire, ref

_TAXABLE = frozenset({"Revenue", "Expense"})
_NAMED = {
    "Accounts Receivable": ("Customer", "Accounts Receivable", "customer"),
    "Accounts Payable": ("Vendor", "Accounts Payable", "vendor"),
}


@dataclass(slots=True)
class _Sides:
    """What the lines come to, in the currency of the entry; debits positive."""

    amounts: list[tuple[str, Decimal, str | None]] = field(default_factory=list)
    named_lines: int = 0

    def add(self, account_id: str, amount: Decimal, customer_id: str | None = None) -> None:
        self.amounts.append((account_id, amount, customer_id))


def create_journal_entry(books: Books, body: Wire) -> Wire:
    """Create an entry; debits equal credits to the cent, taxes included."""
    draft = draft_of(JOURNAL_ENTRY, None, JOURNAL_ENTRY.read(body), sparse=False)
    return _store(books, draft, None)


def update_journal_entry(books: Books, body: Wire) -> Wire:
    """Update an entry, sparse or full; one that settles something keeps its receivable."""
    former = books.current("JournalEntry", body)
    books.refuse_closed(former["TxnDate"])
    draft = draft_of(JOURNAL_ENTRY, former, JOURNAL_ENTRY.read(body), sparse=is_sparse(body))
    return _store(books, draft, former)


def delete_journal_entry(books: Books, body: Wire) -> Wire:
    """Delete an entry for good, unless payments are linked to it."""
    former = books.current("JournalEntry", body)
    books.refuse_closed(former["TxnDate"])
    if books.applied.get(("JournalEntry", former["Id"])):
        raise Fault.has_dependencies("Unlink the linked transactions first.")
    release_number(books, "JournalEntry", former["Id"], former.get("DocNumber"))
    books.withdraw("JournalEntry", former)
    return books.bury("JournalEntry", former)


def _store(books: Books, draft: Wire, former: Wire | None) -> Wire:
    if not draft.get("Line"):
        raise Fault.missing("Line")
    drop_global_calculation(books, draft)
    on = draft.get("TxnDate") or books.today()
    books.refuse_closed(on)
    money = transaction_currency(books, draft, None, on)
    sides = _Sides()
    lines = _lines(books, draft["Line"], sides, money["CurrencyRef"]["value"], on)
    _check(books, sides)
    id = books.store.next_id("transaction") if former is None else former["Id"]
    _number(books, id, draft.get("DocNumber"), former)
    head = books.header(id) if former is None else books.next_header(former)
    row = without_nothing(
        {
            "Adjustment": draft.get("Adjustment", False),
            "TotalAmt": ZERO,
            **head,
            "DocNumber": draft.get("DocNumber"),
            "TxnDate": on,
            **money,
            "PrivateNote": draft.get("PrivateNote"),
            "GlobalTaxCalculation": draft.get("GlobalTaxCalculation"),
            "Line": lines,
            "TxnTaxDetail": draft.get("TxnTaxDetail", {}),
        }
    )
    before = books.ledger.postings("JournalEntry", id)
    stored = books.put("JournalEntry", row)
    books.enter("JournalEntry", stored, _postings(books, sides, money.get("ExchangeRate")))
    if books.applied.get(("JournalEntry", id)) and _named(before) != _named(
        books.ledger.postings("JournalEntry", id)
    ):
        raise Fault.business("The receivable of an entry with payments cannot be changed.")
    return stored


def _number(books: Books, id: str, wanted: str | None, former: Wire | None) -> None:
    """Take the number as sent; preferences for sales forms say nothing of journal entries."""
    kept = None if former is None else former.get("DocNumber")
    if wanted == kept:
        return
    holders = books.numbers.get(("JournalEntry", wanted)) if wanted else None
    if wanted and holders and books.rules.journal_duplicate_docnum == "refuse":
        raise Fault.duplicate_document(wanted, "JournalEntry", next(iter(holders)))
    release_number(books, "JournalEntry", id, kept)
    claim_number(books, "JournalEntry", id, wanted)


def _named(postings: tuple[Posting, ...]) -> list[Posting]:
    return [posting for posting in postings if posting.customer_id is not None]


def _lines(books: Books, sent: list[Wire], sides: _Sides, currency: str, on: str) -> list[Wire]:
    """The lines as stored; ids are kept as sent, new ones count up from 0."""
    taken = {line["Id"] for line in sent if line.get("Id")}
    free, stored = 0, []
    for line in sent:
        id = line.get("Id")
        if not id:
            while str(free) in taken:
                free += 1
            id = str(free)
            taken.add(id)
        stored.append({"Id": id, **_line(books, line, sides, currency, on)})
    return stored


def _line(books: Books, line: Wire, sides: _Sides, currency: str, on: str) -> Wire:
    head = {"Description": line["Description"]} if line.get("Description") else {}
    kind = line.get("DetailType")
    if kind is None:
        raise Fault.missing("DetailType")
    if kind == "DescriptionOnly":
        return {**head, "DetailType": kind}
    detail = line.get("JournalEntryLineDetail")
    if detail is None:
        raise Fault.detail_missing("JournalEntryLineDetail")
    if "Amount" not in line:
        raise Fault.missing("Amount")
    if line["Amount"] < ZERO:
        raise Fault.negative_amount()
    stored = _detail(books, detail, sides, line["Amount"], currency, on)
    return {
        **head,
        "Amount": line["Amount"],
        "DetailType": kind,
        "JournalEntryLineDetail": stored,
        "CustomExtensions": [],
    }


def _detail(
    books: Books, detail: Wire, sides: _Sides, amount: Decimal, currency: str, on: str
) -> Wire:
    if "PostingType" not in detail:
        raise Fault.posting_type_missing()
    if "AccountRef" not in detail:
        raise Fault.missing("AccountRef")
    account = books.referred("Account", detail["AccountRef"])
    _refuse_account(books, account, detail, currency)
    entity = _entity(books, detail, account, currency)
    sign = 1 if detail["PostingType"] == "Debit" else -1
    customer = None
    if account["AccountType"] in _NAMED:
        sides.named_lines += 1
    if account["AccountType"] == "Accounts Receivable" and entity is not None:
        customer = entity["EntityRef"]["value"]
    sides.add(account["Id"], sign * amount, customer)
    stored = {**detail, "AccountRef": ref(account["Id"], display("Account", account))}
    if entity is not None:
        stored["Entity"] = entity
    for name, kind in (("ClassRef", "Class"), ("DepartmentRef", "Department")):
        if name in detail:
            target = books.referred(kind, detail[name])
            stored[name] = ref(target["Id"], display(kind, target))
    if "TaxCodeRef" in detail:
        _tax(books, detail, sides, sign, on)
    return stored


def _refuse_account(books: Books, account: Wire, detail: Wire, currency: str) -> None:
    """An agency's own account is off limits, and so is an account of another currency."""
    agencies = {id for role, id in books.roles.items() if role.startswith("tax/")}
    allowed = books.rules.journal_tax_accounts or "TaxCodeRef" in detail
    if account["Id"] in agencies and not allowed:
        raise Fault.bad_tax_liability("a journal entry cannot post to it without a tax code")
    coded = "TaxCodeRef" in detail or books.profile.is_us
    if books.rules.journal_needs_tax_code and not coded and account["Classification"] in _TAXABLE:
        raise tax_code_missing(books)
    held = account["CurrencyRef"]["value"]
    receivable = account["AccountType"] in _NAMED
    if held != currency and (receivable or held != books.profile.currency):
        raise Fault.business("The currency of the transaction is invalid for account.")


def _entity(books: Books, detail: Wire, account: Wire, currency: str) -> Wire | None:
    """The name on a line; receivables need a customer, payables a vendor."""
    needed = _NAMED.get(account["AccountType"])
    sent = detail.get("Entity", {})
    if needed is not None and (sent.get("Type") != needed[0] or "EntityRef" not in sent):
        raise Fault.business(
            f"When you use {needed[1]}, you must choose a {needed[2]} in the Name field."
        )
    if "EntityRef" not in sent or "Type" not in sent:
        return None
    person = books.referred(sent["Type"], sent["EntityRef"])
    if needed is not None and person["CurrencyRef"]["value"] != currency:
        raise Fault.business(f"The currency of the transaction is invalid for {needed[2]}.")
    return {
        "Type": sent["Type"],
        "EntityRef": ref(person["Id"], display(sent["Type"], person)),
    }


def _tax(books: Books, detail: Wire, sides: _Sides, sign: int, on: str) -> None:
    """The tax of a line goes to the agencies of its code, on the side of the line."""
    if books.profile.is_us:
        raise Fault.bad_line_tax_code(detail["TaxCodeRef"]["value"])
    code = books.referred("TaxCode", detail["TaxCodeRef"])
    if "TaxApplicableOn" not in detail:
        raise Fault.tax_applicable_on_missing()
    if "TaxAmount" not in detail:
        raise Fault.tax_amount_missing()
    side: Side = "Purchase" if detail["TaxApplicableOn"] == "Purchase" else "Sales"
    parts = components(books, code, on, side)
    if not parts and detail["TaxAmount"]:
        raise Fault.bad_tax_liability(f"{code['Name']} has no rate there")
    shares = spread(detail["TaxAmount"], [part.percent for part in parts])
    for part, share in zip(parts, shares, strict=True):
        sides.add(books.account_in_role(f"tax/{part.agency_id}"), sign * share)


def _check(books: Books, sides: _Sides) -> None:
    debit = total(amount for _, amount, _ in sides.amounts if amount > 0)
    credit = -total(amount for _, amount, _ in sides.amounts if amount < 0)
    if debit != credit:
        raise Fault.debits_differ(debit, credit)
    if not debit:
        raise Fault.business("You must set a transaction amount.")
    if sides.named_lines > 1 and not books.rules.several_receivable_lines:
        raise Fault.business("You can only have one A/R or A/P account in a journal entry.")


def _postings(books: Books, sides: _Sides, rate: Decimal | None) -> list[Posting]:
    """The sides in home currency; what rounding leaves goes to exchange gain or loss."""
    factor = rate or Decimal(1)
    postings = [
        Posting(account, cents(amount * factor), customer, amount if customer else None)
        for account, amount, customer in sides.amounts
    ]
    rest = total(posting.amount for posting in postings)
    if rest:
        postings.append(Posting(books.account_in_role("exchange"), -rest))
    return postings
