"""Whom the demonstration's billing system bills, and what for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.demo.kinds import Kind

Record = dict[str, Any]

NEW_CUSTOMERS = (
    "Northwind Cabins",
    "Lakeshore Pottery",
    "Rivière & Frères",
    "O'Malley Rentals",
    "Cedar Grove Dental",
    "Halcyon Robotics",
    "Les Jardins d'Aurèle",
    "Pinewood Optics",
    'The "Blue" Heron',
    "Tundra Analytics",
)
NEW_CHARGES = (
    ("API-CALLS", "API calls", "usage"),
    ("ONBOARD", "Onboarding workshop", "one_time"),
    ("SMS-OUT", "Text messages", "usage"),
    ("SEAT-EXTRA", "Additional seat", "recurring"),
    ("SSO", "Single sign-on", "recurring"),
    ("DISCOUNT", "Loyalty discount", "discount"),
)
DISCOUNT = "DISCOUNT"


@dataclass(frozen=True, slots=True)
class BookCustomer:
    """An imported customer as far as the billing system cares."""

    external_id: str
    name: str
    email: str | None


@dataclass(frozen=True, slots=True)
class Buyer:
    """A billing customer, the region that decides its taxes, and in which currency it pays."""

    billing_id: str
    region: str
    currency: str


class Stamps:
    """Instants for `updated_at`, each later than the one before."""

    def __init__(self) -> None:
        self._number = 0

    def next(self) -> str:
        self._number += 1
        return f"2026-04-{1 + self._number // 80_000:02d}T{self._clock()}Z"

    def _clock(self) -> str:
        second = self._number % 80_000
        return f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"


def linked_customers(books: Sequence[BookCustomer], stamps: Stamps, kind: Kind) -> list[Record]:
    """Return billing customers of the same names as imported ones, which link by themselves."""
    return [
        {
            "billing_id": f"cus_{1000 + place}",
            "updated_at": stamps.next(),
            "display_name": customer.name,
            "email": customer.email,
            "currency": kind.currency,
            "created_date": "2025-06-30",
            **kind.address(kind.region_of(place)),
        }
        for place, customer in enumerate(books)
    ]


def adopted_customers(books: Sequence[BookCustomer]) -> list[Record]:
    """Return which imported customers become billing customers, under which id."""
    return [
        {"external_id": customer.external_id, "billing_id": f"cus_{2000 + place}"}
        for place, customer in enumerate(books)
    ]


def new_customers(count: int, stamps: Stamps, kind: Kind, *, first: int) -> list[Record]:
    """Return customers whom QuickBooks has never seen; *first* is the place of the first."""
    made = []
    for place in range(count):
        base = NEW_CUSTOMERS[place % len(NEW_CUSTOMERS)]
        edition = place // len(NEW_CUSTOMERS)
        made.append(
            {
                "billing_id": f"cus_{3000 + place}",
                "updated_at": stamps.next(),
                "display_name": f"{base} {edition + 1}" if edition else base,
                "company_name": base,
                "email": f"accounts{place}@customer.example",
                "phone": f"+1 604 555 {100 + place:04d}",
                "addresses": {
                    "billing": {
                        "line1": f"{100 + place} Water Street",
                        **kind.default_place,
                    }
                },
                "currency": own_currency(kind, first + place),
                "created_date": f"2026-{1 + place % 3:02d}-15",
                **kind.address(kind.region_of(first + place)),
            }
        )
    return made


def own_currency(kind: Kind, place: int) -> str:
    """Return a new customer's own currency: half of those who pay in another one have that."""
    return kind.currency_of(place) if place % 2 else kind.currency


def charges(item_names: Sequence[str], stamps: Stamps) -> list[Record]:
    """Return what is charged for: some by the name of an existing item, some new."""
    known = [
        {
            "billing_id": f"chg_{place + 1}",
            "updated_at": stamps.next(),
            "price_code": f"PLAN-{place + 1:02d}",
            "name": name,
            "kind": "recurring",
        }
        for place, name in enumerate(item_names)
    ]
    fresh = [
        {
            "billing_id": f"chg_{code.lower()}",
            "updated_at": stamps.next(),
            "price_code": code,
            "name": name,
            "kind": kind,
        }
        for code, name, kind in NEW_CHARGES
    ]
    return known + fresh


def taxes(stamps: Stamps, kind: Kind) -> list[Record]:
    """Return the taxes that are billed, each by its price code."""
    return [
        {
            "billing_id": f"tax_{place + 1}",
            "updated_at": stamps.next(),
            "price_code": code,
            "name": kind.tax_names[code],
            "rate": rate,
        }
        for place, (code, rate) in enumerate(kind.rates.items())
    ]
