"""Deposits: money out of Undeposited Funds to the bank; what stands on one is frozen (6540)."""

from __future__ import annotations

from decimal import Decimal

from simulator.books.accounts import MONEY_TYPES, account_for
from simulator.books.currencies import transaction_currency
from simulator.books.faults import Fault
from simulator.books.ledger import Posting
from simulator.books.lists import display, draft_of, is_sparse, without_nothing
from simulator.books.money import ZERO, cents, total
from simulator.books.schemas_documents import DEPOSIT
from simulator.books.state import Books
from simulator.books.wire import Wire, ref, ref_id

_SIGNS = {"Payment": 1, "SalesReceipt": 1, "RefundReceipt": -1}


def create_deposit(books: Books, body: Wire) -> Wire:
    """Deposit transactions and direct amounts; fees are negative direct lines."""
    draft = draft_of(DEPOSIT, None, DEPOSIT.read(body), sparse=False)
    return _store(books, draft, None)


def update_deposit(books: Books, body: Wire) -> Wire:
    """Update a deposit; what its lines no longer name is free again."""
    former = books.current("Deposit", body)
    books.refuse_closed(former["TxnDate"])
    draft = draft_of(DEPOSIT, former, DEPOSIT.read(body), sparse=is_sparse(body))
    _free(books, former)
    return _store(books, draft, former)


def delete_deposit(books: Books, body: Wire) -> Wire:
    """Delete a deposit for good; its transactions can be changed again."""
    former = books.current("Deposit", body)
    books.refuse_closed(former["TxnDate"])
    _free(books, former)
    books.withdraw("Deposit", former)
    return books.bury("Deposit", former)


def _store(books: Books, draft: Wire, former: Wire | None) -> Wire:
    for name in ("DepositToAccountRef", "Line"):
        if not draft.get(name):
            raise Fault.missing(name)
    on = draft.get("TxnDate") or books.today()
    books.refuse_closed(on)
    target = account_for(books, draft["DepositToAccountRef"], "DepositToAccountRef", MONEY_TYPES)
    id = books.store.next_id("transaction") if former is None else former["Id"]
    credits: list[tuple[str, Decimal, str | None]] = []
    lines = [
        _line(books, line, place, id, credits) for place, line in enumerate(draft["Line"], start=1)
    ]
    cash = draft.get("CashBack")
    if cash is not None:
        account = account_for(books, cash.get("AccountRef", {"value": ""}), "CashBack", None)
        credits.append((account["Id"], -cash.get("Amount", ZERO), None))
    head = books.header(id) if former is None else books.next_header(former)
    row = without_nothing(
        {
            "DepositToAccountRef": ref(target["Id"], display("Account", target)),
            "CashBack": cash,
            "TotalAmt": total(amount for _, amount, _ in credits),
            **head,
            "TxnDate": on,
            **transaction_currency(books, draft, None, on),
            "PrivateNote": draft.get("PrivateNote"),
            "Line": lines,
        }
    )
    stored = books.put("Deposit", row)
    rate = row.get("ExchangeRate", Decimal(1))
    postings = [
        Posting(account, cents(-amount * rate), customer, -amount if customer else None)
        for account, amount, customer in credits
    ]
    postings.append(Posting(target["Id"], -total(posting.amount for posting in postings)))
    books.enter("Deposit", stored, postings)
    return stored


def _line(
    books: Books,
    line: Wire,
    place: int,
    deposit_id: str,
    credits: list[tuple[str, Decimal, str | None]],
) -> Wire:
    if "Amount" not in line:
        raise Fault.missing("Amount")
    amount: Decimal = line["Amount"]
    if line.get("LinkedTxn"):
        link = line["LinkedTxn"][0]
        account = _put_on(books, link, amount, deposit_id)
        credits.append((account, amount, None))
        return {"Amount": amount, "LinkedTxn": [{"TxnLineId": "0", **link}]}
    detail = line.get("DepositLineDetail")
    if detail is None:
        raise Fault.detail_missing("DepositLineDetail")
    if "AccountRef" not in detail:
        raise Fault.missing("AccountRef")
    found = books.referred("Account", detail["AccountRef"])
    customer = _customer(books, found, detail)
    credits.append((found["Id"], amount, customer))
    stored = {**detail, "AccountRef": ref(found["Id"], display("Account", found))}
    head = {"Description": line["Description"]} if line.get("Description") else {}
    kind = "DepositLineDetail"
    written = {"Id": str(place), "LineNum": place, **head, "Amount": amount}
    return {**written, "DetailType": kind, kind: stored}


def _customer(books: Books, account: Wire, detail: Wire) -> str | None:
    if account["AccountType"] != "Accounts Receivable":
        return None
    entity = detail.get("Entity", {})
    if entity.get("type") != "Customer":
        raise Fault.business(
            "When you use Accounts Receivable, you must choose a customer in the Name field."
        )
    return str(books.referred("Customer", entity)["Id"])


def _put_on(books: Books, link: Wire, amount: Decimal, deposit_id: str) -> str:
    """
    Put a transaction on the deposit and give the account its money lay on.

    Raises:
        Fault: 620 for what cannot be deposited, in part, or twice.
    """
    kind = link.get("TxnType")
    if kind not in _SIGNS or "TxnId" not in link:
        raise Fault.cannot_link(f"TxnType {kind} cannot be deposited.")
    key = (str(kind), str(link["TxnId"]))
    row = books.row(*key)
    account = ref_id(row, "DepositToAccountRef")
    undeposited = books.account_in_role("undeposited")
    if key in books.deposited or account != undeposited:
        raise Fault.cannot_link("The transaction is not in Undeposited Funds.")
    if amount != _SIGNS[key[0]] * row["TotalAmt"]:
        raise Fault.cannot_link("A transaction is deposited whole.")
    books.store.set(books.deposited, key, deposit_id)
    linked = [{"TxnId": deposit_id, "TxnType": "Deposit"}]
    books.touch(key[0], row, LinkedTxn=linked)
    return undeposited


def _free(books: Books, deposit: Wire) -> None:
    for line in deposit["Line"]:
        for link in line.get("LinkedTxn", []):
            key = (link["TxnType"], link["TxnId"])
            books.store.drop(books.deposited, key)
            row = books.touch(key[0], books.store.rows[key[0]][key[1]])
            bare = {name: value for name, value in row.items() if name != "LinkedTxn"}
            books.put(key[0], bare)
