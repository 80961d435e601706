"""What the company's own settings mean for an export. Pure."""

from collections.abc import Iterator

from app.accounting.records import TaxModel
from app.reconciliation.situation import Check, Level, Situation, counted

ENDED = {"EXPIRED", "CANCELLED", "CANCELED", "SUSPENDED", "UNSUBSCRIBED", "ENDED", "INACTIVE"}
WITHOUT_MULTICURRENCY = ("SIMPLE START", "EASYSTART", "SELF-EMPLOYED", "SOLOPRENEUR")


def subscription(at: Situation) -> Iterator[Check]:
    said = at.profile.subscription or "not told"
    if said.upper().replace(" ", "_") in ENDED:
        yield Check(
            code="subscription",
            level=Level.BLOCK,
            subject=f"QuickBooks subscription: {said}",
            consequence=f"QuickBooks takes no changes; {counted(at.needs.documents)} would wait.",
            fix="Renew the QuickBooks subscription.",
            documents=at.needs.documents,
        )
        return
    yield Check(
        code="subscription",
        level=Level.PASS,
        subject=f"QuickBooks subscription: {said}",
        consequence="QuickBooks takes changes.",
    )


def plan_level(at: Situation) -> Iterator[Check]:
    plan = at.profile.plan or "not told"
    foreign = _foreign(at)
    small = any(name in plan.upper() for name in WITHOUT_MULTICURRENCY)
    if small and foreign and not at.profile.multicurrency:
        yield Check(
            code="plan",
            level=Level.WARN,
            subject=f"QuickBooks plan: {plan}",
            consequence="This plan has no multicurrency, which "
            f"{counted(foreign)} of the range would need.",
            fix="Upgrade to Essentials or higher, then turn multicurrency on.",
            documents=foreign,
        )
        return
    yield Check(
        code="plan",
        level=Level.PASS,
        subject=f"QuickBooks plan: {plan}",
        consequence="The plan has what these documents need.",
    )


TAX_WORDS = {
    TaxModel.GLOBAL: "Each line carries a mapped tax code; the billed amounts are sent.",
    TaxModel.US_AST: "QuickBooks computes sales tax by address; the billed total is sent as an "
    "override, and its answer is compared.",
    TaxModel.US_AST_UNSET: "Sales tax is not set up in QuickBooks: untaxed documents go out, taxed "
    "ones are refused before any call.",
    TaxModel.US_MANUAL: "One tax code stands on each document; the billed amounts are sent.",
    TaxModel.US_NONE: "Sales tax is off in QuickBooks: untaxed documents go out, taxed ones are "
    "refused before any call.",
}


def tax_model(at: Situation) -> Iterator[Check]:
    model = at.profile.tax_model
    yield Check(
        code="tax_model",
        level=Level.PASS,
        subject=f"Tax model: {model.value} ({at.profile.country})",
        consequence=TAX_WORDS[model],
    )
    if model not in {TaxModel.US_AST_UNSET, TaxModel.US_NONE}:
        return
    taxed = at.needs.taxed
    yield Check(
        code="sales_tax_not_set_up",
        level=Level.BLOCK if taxed else Level.WARN,
        subject="Sales tax in QuickBooks",
        consequence=f"QuickBooks cannot take tax: {counted(taxed)} with tax would be refused.",
        fix="Finish the set-up under Taxes in QuickBooks, then run preflight again.",
        documents=taxed,
    )


def custom_numbers(at: Situation) -> Iterator[Check]:
    if at.profile.custom_numbers or not at.settings.documents.send_number:
        yield Check(
            code="custom_numbers",
            level=Level.PASS,
            subject="Document numbers",
            consequence="Documents get their billing numbers."
            if at.settings.documents.send_number
            else "QuickBooks numbers by itself, as the settings want it.",
        )
        return
    yield Check(
        code="custom_numbers",
        level=Level.WARN,
        subject="Custom transaction numbers are off in QuickBooks",
        consequence=f"QuickBooks numbers {counted(at.needs.numbered)} by itself; the billing "
        "number stands in the memo.",
        fix="Turn on Custom transaction numbers under Account and settings, Sales; or set "
        "documents.send_number to false.",
        documents=at.needs.numbered,
    )


def auto_apply(at: Situation) -> Iterator[Check]:
    on = [
        name
        for name, value in (
            ("credits", at.profile.auto_apply_credits),
            ("payments", at.profile.auto_apply_payments),
        )
        if value
    ]
    if not on:
        yield Check(
            code="auto_apply",
            level=Level.PASS,
            subject="Automatic application",
            consequence="QuickBooks applies nothing by itself.",
        )
        return
    concerned = at.needs.payments + sum(at.needs.reasons.values())
    yield Check(
        code="auto_apply",
        level=Level.WARN,
        subject=f"QuickBooks applies {' and '.join(on)} by itself",
        consequence="It may settle other invoices than billing says; what it settled already is "
        "allocated less, and shown.",
        fix="Turn off automatic application under Account and settings, Advanced, Automation.",
        documents=concerned,
    )


def closed_books(at: Situation) -> Iterator[Check]:
    until = at.profile.books_closed_until
    closed = sum(number for day, number in at.needs.on_days.items() if until and day <= until)
    if until is None or closed == 0:
        yield Check(
            code="closed_books",
            level=Level.PASS,
            subject="Closing date" if until is None else f"Books closed until {until}",
            consequence="The books are open." if until is None else "The range lies behind it.",
        )
        return
    moved = at.settings.closed_books == "first_open_day"
    yield Check(
        code="closed_books",
        level=Level.WARN if moved else Level.BLOCK,
        subject=f"Books closed until {until}",
        consequence=f"Dated in the closed period, {counted(closed)} would be "
        + ("moved to the first open day." if moved else "refused."),
        fix="Move the closing date in QuickBooks, or set closed_books to first_open_day.",
        documents=closed,
    )


def _foreign(at: Situation) -> int:
    home = at.profile.home_currency
    return sum(number for code, number in at.needs.currencies.items() if code != home)


def currencies(at: Situation) -> Iterator[Check]:
    foreign, home = _foreign(at), at.profile.home_currency
    if foreign and not at.profile.multicurrency:
        codes = ", ".join(sorted(code for code in at.needs.currencies if code != home))
        yield Check(
            code="multicurrency",
            level=Level.BLOCK,
            subject=f"The books keep {home} only",
            consequence=f"{counted(foreign)} in {codes} would be refused.",
            fix="Turn on multicurrency in QuickBooks (it can never be turned off), or bill in "
            f"{home}.",
            documents=foreign,
        )
        return
    yield Check(
        code="multicurrency",
        level=Level.PASS,
        subject=f"Currencies (home: {home})",
        consequence="Foreign documents are taken." if foreign else "All documents are in it.",
    )
    missing = sum(number for code, number in at.needs.without_rate.items() if code != home)
    if missing:
        yield Check(
            code="exchange_rate",
            level=Level.WARN,
            subject="Exchange rates",
            consequence=f"Foreign, and without exchange_rate: {counted(missing)}.",
            fix="Push the documents with exchange_rate.",
            documents=missing,
        )
