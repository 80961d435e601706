"""Where a person sees a document in QuickBooks' own pages."""

from urllib.parse import quote

HOSTS = {
    "production": "https://app.qbo.intuit.com",
    "sandbox": "https://app.sandbox.qbo.intuit.com",
}
PAGES = {
    "Invoice": "invoice?txnId={id}",
    "Payment": "recvpayment?txnId={id}",
    "CreditMemo": "creditmemo?txnId={id}",
    "RefundReceipt": "refundreceipt?txnId={id}",
    "Purchase": "expense?txnId={id}",
    "JournalEntry": "journal?txnId={id}",
    "Customer": "customerdetail?nameId={id}",
    "Item": "items",
}


def document_url(environment: str, document_type: str, external_id: str) -> str | None:
    """Return the page that shows the document, or None where there is no such page."""
    host, page = HOSTS.get(environment), PAGES.get(document_type)
    if host is None or page is None:
        return None
    return f"{host}/app/{page.format(id=quote(external_id, safe=''))}"
