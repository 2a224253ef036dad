# SPDX-License-Identifier: Apache-2.0
"""Own before built-in before default before factory, and everybody is told which it was."""

import pytest

from gatehouse.config import build, builtin, schema
from gatehouse.config.origin import Origin, Resolved, policy_fields
from gatehouse.policy.mail_flow import MailFlowPolicy, TlsDemand

DOCUMENT = schema.Document.model_validate(
    {
        "format": 1,
        "mail_flow_policies": {
            "default": {"tls": "preferred", "dhap_limit": 7, "max_message_size": "2M"},
            "TRUSTED": {"max_message_size": "3M"},
            "OWN": {"tls": "required"},
        },
    }
)


def test_each_layer_wins_over_the_ones_below_it() -> None:
    fields = policy_fields(DOCUMENT, "TRUSTED")
    assert fields["max_message_size"] == Resolved(3 * 1024 * 1024, Origin.OWN)
    assert fields["dhap_limit"] == Resolved(0, Origin.BUILT_IN)
    assert fields["tls"] == Resolved(TlsDemand.PREFERRED, Origin.DEFAULT)
    assert fields["reject_code"] == Resolved(554, Origin.FACTORY)
    assert [one.inherited for one in Origin] == [False, False, True, True]


def test_the_default_policy_owns_what_it_sets() -> None:
    assert policy_fields(DOCUMENT, "default")["tls"].origin is Origin.OWN


@pytest.mark.parametrize("name", ["default", "OWN", *builtin.POLICIES])
def test_what_is_shown_is_what_runs(name: str) -> None:
    policy = build.policy(DOCUMENT, name)
    fields = policy_fields(DOCUMENT, name)
    assert {field: one.value for field, one in fields.items()} == {
        field: getattr(policy, field) for field in MailFlowPolicy.__slots__ if field != "name"
    }
    assert build.policy_origins(DOCUMENT, name) == {
        field: one.origin for field, one in fields.items()
    }


def test_a_name_that_nobody_knows_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        policy_fields(DOCUMENT, "NOBODY")
