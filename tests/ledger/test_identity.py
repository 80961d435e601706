"""Request ids and markers: derived, stable, different for everything that differs."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.accounting.records import Verb
from app.ledger.identity import (
    GenerationsExhausted,
    Identity,
    application_id,
    applied_pair,
    operation_name,
)

NAMES = ("environment", "realm_id", "kind", "source_system", "billing_id")


def build_identity(**changed: str) -> Identity:
    fields = {
        "environment": "sandbox",
        "realm_id": "123145",
        "kind": "invoice",
        "source_system": "billing",
        "billing_id": "inv_1",
    } | changed
    return Identity(**fields)


class TestRequestId:
    def test_is_what_the_contract_says(self) -> None:
        """
        Pinned: a change of the derivation would post every open document a second time.
        """
        assert build_identity().request_id("create", 0) == "xrf7l7lg4erxdwdtabbkdwgte6ig00"

    def test_has_the_contracts_shape(self) -> None:
        assert re.fullmatch(r"x[a-z2-7]{26}g07", build_identity().request_id("void:3", 7))

    @pytest.mark.parametrize("name", NAMES)
    def test_every_part_counts(self, name: str) -> None:
        other = build_identity(**{name: "other"})

        assert other.request_id("create", 0) != build_identity().request_id("create", 0)

    def test_a_second_edit_has_another_id(self) -> None:
        identity = build_identity()
        first = operation_name(Verb.UPDATE, sync_token="0", content_hash="a")
        second = operation_name(Verb.UPDATE, sync_token="1", content_hash="b")

        assert identity.request_id(first, 0) != identity.request_id(second, 0)

    def test_composed_and_decomposed_letters_are_the_same_record(self) -> None:
        composed, decomposed = "Montr\u00e9al", "Montre\u0301al"

        assert build_identity(billing_id=composed) == build_identity(billing_id=composed)
        assert (
            build_identity(billing_id=composed).marker
            == build_identity(billing_id=decomposed).marker
        )

    @pytest.mark.parametrize("generation", [-1, 100])
    def test_refuses_a_generation_that_does_not_fit(self, generation: int) -> None:
        with pytest.raises(GenerationsExhausted):
            build_identity().request_id("create", generation)

    @given(st.integers(0, 99), st.text(string.printable, min_size=1, max_size=40))
    def test_fits_quickbooks_limit(self, generation: int, billing_id: str) -> None:
        made = build_identity(billing_id=billing_id).request_id("create", generation)

        assert len(made) == 30
        assert made == build_identity(billing_id=billing_id).request_id("create", generation)


class TestMarker:
    def test_is_that_of_the_create_operation(self) -> None:
        identity = build_identity()

        assert identity.marker == f"[lw:{identity.hash('create')}]"

    def test_an_application_has_both_ids(self) -> None:
        assert application_id("cn_1", "inv_1") == "cn_1\x1finv_1"

    def test_an_application_billed_again_is_another_one_of_the_same_pair(self) -> None:
        assert application_id("cn_1", "inv_1", turn=2) == "cn_1\x1finv_1\x1f2"
        assert applied_pair(application_id("cn_1", "inv_1", turn=2)) == ("cn_1", "inv_1")


class TestOperationName:
    def test_names(self) -> None:
        assert operation_name(Verb.CREATE) == "create"
        assert operation_name(Verb.UPDATE, sync_token="4", content_hash="h") == "update:4:h"
        assert operation_name(Verb.VOID, sync_token="4") == "void:4"
        assert operation_name(Verb.DELETE, sync_token="4") == "delete:4"
