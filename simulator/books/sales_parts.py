"""Parts of a sales form that are copied, defaulted or looked up: addresses, references, terms."""

from __future__ import annotations

from simulator.books.accounts import MONEY_TYPES, account_for
from simulator.books.faults import Fault
from simulator.books.lists import address, display
from simulator.books.small_lists import due_date
from simulator.books.state import Books
from simulator.books.wire import Wire, ref, ref_id

_ADDRESSES = ("BillAddr", "ShipAddr", "ShipFromAddr")
_ONLINE = (
    "AllowIPNPayment",
    "AllowOnlinePayment",
    "AllowOnlineCreditCardPayment",
    "AllowOnlineACHPayment",
)


def state_of(draft: Wire, customer: Wire | None) -> str | None:
    """The state that decides US tax: of the ship-to address, else of the bill-to one."""
    for holder in (draft, customer or {}):
        for name in ("ShipAddr", "BillAddr"):
            code = holder.get(name, {}).get("CountrySubDivisionCode")
            if code:
                return str(code)
    return None


def own_links(draft: Wire) -> list[Wire]:
    """Links the sender may set: estimates and time, never payments."""
    return [link for link in draft.get("LinkedTxn", []) if link.get("TxnType") != "Payment"]


def addresses(
    books: Books, draft: Wire, sent: Wire, former: Wire | None, customer: Wire | None
) -> Wire:
    """
    The addresses of a form: as sent, else as they were, else the customer's.

    A sent one comes back flattened from an update, by rule.
    """
    found: Wire = {}
    for name in _ADDRESSES:
        if name not in sent:
            defaults = former is None or name in former
            fallback = customer.get(name) if customer and defaults else None
            found[name] = draft.get(name, fallback)
            continue
        given = sent[name]
        if former is not None and books.rules.flatten_addresses:
            given = _flattened(given)
        found[name] = address(books, given, former.get(name) if former else None)
    return found


def _flattened(sent: Wire) -> Wire:
    """The address as QuickBooks prints it: everything in Line1 to Line5."""
    lines = [sent[f"Line{n}"] for n in range(1, 6) if sent.get(f"Line{n}")]
    region = sent.get("CountrySubDivisionCode")
    town = ", ".join(part for part in (sent.get("City"), region) if part)
    last = "  ".join(part for part in (town, sent.get("PostalCode")) if part)
    lines += [part for part in (last, sent.get("Country")) if part]
    return {f"Line{n}": line for n, line in enumerate(lines[:5], start=1)}


def references(books: Books, draft: Wire, former: Wire | None) -> Wire:
    """Class, department and payment method, where the company uses them; new ones are checked."""
    found: Wire = {}
    for name, entity, group, switch in (
        ("ClassRef", "Class", "AccountingInfoPrefs", "ClassTrackingPerTxn"),
        ("DepartmentRef", "Department", "AccountingInfoPrefs", "TrackDepartments"),
        ("PaymentMethodRef", "PaymentMethod", None, None),
    ):
        if name not in draft:
            continue
        if former is not None and ref_id(former, name) == draft[name]["value"]:
            found[name] = former[name]
            continue
        target = books.referred(entity, draft[name])
        if group is None or books.preference(group, str(switch)):
            found[name] = ref(target["Id"], display(entity, target))
    return found


def of_kind(
    books: Books,
    entity: str,
    draft: Wire,
    sent: Wire,
    customer: Wire | None,
    former: Wire | None,
    on: str,
) -> Wire:
    """The attributes only one kind of form has."""
    match entity:
        case "Invoice":
            return _of_invoice(books, draft, sent, customer, former, on)
        case "CreditMemo":
            return {"SalesTermRef": draft.get("SalesTermRef")}
    return {"DepositToAccountRef": _money_account(books, entity, draft)}


def _of_invoice(
    books: Books, draft: Wire, sent: Wire, customer: Wire | None, former: Wire | None, on: str
) -> Wire:
    chosen = draft.get("SalesTermRef")
    if chosen is None and former is None and customer is not None:
        chosen = customer.get("SalesTermRef")
    held = None if former is None else former.get("SalesTermRef")
    if chosen is not None and chosen != held:
        term = books.referred("Term", chosen)
        chosen = ref(term["Id"], term["Name"])
    fallback = chosen or books.preference("SalesFormsPrefs", "DefaultTerms")
    due = draft.get("DueDate")
    if due is None or ("SalesTermRef" in sent and "DueDate" not in sent):
        terms = books.store.rows["Term"]
        due = due_date(terms.get(fallback["value"]) if fallback else None, on)
    found: Wire = {"SalesTermRef": chosen, "DueDate": due}
    found |= {name: draft.get(name, False) for name in _ONLINE}
    if "Deposit" in draft and books.preference("SalesFormsPrefs", "AllowDeposit"):
        found["Deposit"] = draft["Deposit"]
        found["DepositToAccountRef"] = draft.get("DepositToAccountRef")
    return found


def _money_account(books: Books, entity: str, draft: Wire) -> Wire:
    """Where the money of a receipt goes to, or a refund comes from."""
    if "DepositToAccountRef" not in draft:
        if entity == "RefundReceipt":
            raise Fault.missing("DepositToAccountRef")
        draft["DepositToAccountRef"] = ref(books.account_in_role("undeposited"))
    account = account_for(books, draft["DepositToAccountRef"], "DepositToAccountRef", MONEY_TYPES)
    printed = draft.get("PrintStatus") == "PrintComplete" and account["AccountType"] == "Bank"
    if entity == "RefundReceipt" and printed and "PaymentRefNum" not in draft:
        raise Fault.missing("PaymentRefNum")
    return ref(account["Id"], display("Account", account))
