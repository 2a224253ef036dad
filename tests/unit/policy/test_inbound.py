# SPDX-License-Identifier: Apache-2.0
"""Inbound decisions: every demand met and unmet, their order, and that watching changes nothing."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatehouse.mail.address import Address, AddressFault, parse_bare, parse_mailbox
from gatehouse.policy import inbound
from gatehouse.policy.access import AccessMatch, NameState
from gatehouse.policy.inbound_values import (
    ALLOW,
    OVERHEAR,
    REFUSE_TCP,
    Admit,
    AskDomain,
    CertificateState,
    ClientCertificate,
    ClientFacts,
    Counts,
    Demand,
    Deny,
    Entrance,
    InboundRules,
    SenderDomain,
    Step,
)
from gatehouse.policy.mail_flow import AuthDemand, Behavior, MailFlowPolicy, TlsDemand
from gatehouse.policy.recipients import RecipientAccessTable, RecipientEntry

TABLE = RecipientAccessTable(
    [
        RecipientEntry(recipient="bad@shop.example", accept=False, code=551, text="no longer"),
        RecipientEntry(recipient="shop.example", accept=True),
    ]
)
ENTRANCE = Entrance(
    listener="In",
    interface="Net",
    interface_ip="192.0.2.1",
    hostname="mx.shop.example",
    public=True,
    recipients=TABLE,
    default_domain=None,
    delayed_reject=False,
    implicit_tls=False,
    max_connections=10,
)
VALID = ClientCertificate(state=CertificateState.VALID, subject="CN=mx.bank.example")
INVALID = ClientCertificate(
    state=CertificateState.INVALID, subject="CN=mx.bank.example", reason="expired"
)


def rules(*, entrance: Entrance = ENTRANCE, **fields: Any) -> InboundRules:
    return inbound.rules_for(entrance, MailFlowPolicy(name="P", **fields))


def client(the_rules: InboundRules, **fields: Any) -> ClientFacts:
    policy = the_rules.policy
    access = AccessMatch("G", "192.0.2.0/24", policy.behavior, policy)
    return ClientFacts(ip="192.0.2.9", access=access, **fields)


def address(text: str) -> Address:
    parsed = parse_mailbox(text.encode())
    if isinstance(parsed, AddressFault):
        bare = parse_bare(text.encode())
        assert bare is not None
        return bare
    return parsed


ANN = address("ann@bank.example")
BOB = address("bob@shop.example")


def demand_of(outcome: object) -> Demand | None:
    assert not isinstance(outcome, AskDomain)
    return outcome.demand if isinstance(outcome, Deny) else None


# --- connection ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("behavior", "counts", "expected"),
    [
        (Behavior.ACCEPT, Counts(listener_connections=10, client_connections=10), Admit()),
        (Behavior.RELAY, Counts(), Admit()),
        (Behavior.TCPREFUSE, Counts(listener_connections=99), REFUSE_TCP),
    ],
)
def test_a_connection_is_admitted_or_cut(
    behavior: Behavior, counts: Counts, expected: object
) -> None:
    asked = rules(behavior=behavior)
    assert inbound.decide_connection(asked, client(asked), counts) == expected


@pytest.mark.parametrize(
    ("counts", "demand"),
    [
        (Counts(listener_connections=11), Demand.LISTENER_CONNECTIONS),
        (Counts(client_connections=11), Demand.CLIENT_CONNECTIONS),
        (Counts(listener_connections=11, client_connections=11), Demand.LISTENER_CONNECTIONS),
    ],
)
def test_above_a_limit_of_connections_a_client_hears_421(counts: Counts, demand: Demand) -> None:
    asked = rules(max_connections_per_client=10)
    outcome = inbound.decide_connection(asked, client(asked), counts)
    assert isinstance(outcome, Deny)
    assert (outcome.demand, outcome.reply.code) == (demand, 421)


def test_a_limit_of_connections_is_looked_at_before_the_rejection() -> None:
    asked = rules(behavior=Behavior.REJECT)
    outcome = inbound.decide_connection(asked, client(asked), Counts(client_connections=11))
    assert demand_of(outcome) is Demand.CLIENT_CONNECTIONS


def test_a_rejected_client_hears_the_policy_s_words_at_once() -> None:
    asked = rules(behavior=Behavior.REJECT, reject_code=554, reject_text="$RemoteIP go away")
    outcome = inbound.decide_connection(asked, client(asked), Counts())
    assert isinstance(outcome, Deny)
    assert outcome.reply.wire() == b"554 5.7.1 192.0.2.9 go away\r\n"


def test_with_delayed_rejection_the_refusal_comes_at_the_recipient() -> None:
    asked = rules(
        entrance=replace(ENTRANCE, delayed_reject=True), behavior=Behavior.REJECT, tls="off"
    )
    who = client(asked)
    assert inbound.decide_connection(asked, who, Counts()) == Admit(delayed=True)
    assert inbound.decide_mail(asked, who, Counts(), ANN) is OVERHEAR
    outcome = inbound.decide_recipient(asked, who, Counts(), BOB)
    assert isinstance(outcome, Deny)
    assert (outcome.demand, outcome.reply.code) == (Demand.BEHAVIOR, 554)


@pytest.mark.parametrize(
    ("state", "host", "said"),
    [
        (NameState.VERIFIED, "mx.bank.example", "mx.bank.example"),
        (NameState.NOT_DOUBLE_VERIFIED, "forged.example", "None"),
        (NameState.NX_DOMAIN, None, "None"),
        (NameState.SERV_FAIL, None, "Unknown"),
    ],
)
def test_a_greeting_names_the_client_as_far_as_it_is_known(
    state: NameState, host: str | None, said: str
) -> None:
    asked = rules(banner_text="$Hostname in $Group by $HATEntry", banner_code=220)
    who = client(asked, host=host, host_state=state)
    outcome = inbound.decide_connection(asked, who, Counts())
    assert isinstance(outcome, Admit)
    assert outcome.greeting is not None
    assert outcome.greeting.text == f"mx.shop.example {said} in G by 192.0.2.0/24"


# --- handshake ----------------------------------------------------------------------------------

CELLS = [
    # the table of the reference: policy, verified?, certificate → is it accepted?
    (TlsDemand.PREFERRED, False, None, True),
    (TlsDemand.PREFERRED, False, INVALID, True),
    (TlsDemand.PREFERRED, False, VALID, True),
    (TlsDemand.PREFERRED, True, None, True),
    (TlsDemand.PREFERRED, True, INVALID, False),
    (TlsDemand.PREFERRED, True, VALID, True),
    (TlsDemand.REQUIRED, False, None, True),
    (TlsDemand.REQUIRED, False, INVALID, True),
    (TlsDemand.REQUIRED, False, VALID, True),
    (TlsDemand.REQUIRED, True, None, False),
    (TlsDemand.REQUIRED, True, INVALID, False),
    (TlsDemand.REQUIRED, True, VALID, True),
]


@pytest.mark.parametrize(("tls", "verify", "shown", "accepted"), CELLS)
def test_a_certificate_counts_as_the_table_says(
    tls: TlsDemand, verify: bool, shown: ClientCertificate | None, accepted: bool
) -> None:
    asked = rules(tls=tls, verify_client_certificate=verify)
    who = client(asked, tls=True, certificate=shown or ClientCertificate())
    outcome = inbound.decide_handshake(asked, who, Counts())
    assert (outcome is ALLOW) == accepted
    assert (inbound.decide_mail(asked, who, Counts(), ANN) is ALLOW) == accepted
    if isinstance(outcome, Deny):
        assert (outcome.demand, outcome.reply.code) == (Demand.CERTIFICATE, 554)
        assert outcome.detail == (shown.reason if shown else "no certificate")


# --- MAIL ---------------------------------------------------------------------------------------


def mail(the_rules: InboundRules, sender: Address | None, **fields: Any) -> object:
    known = {name: fields.pop(name) for name in ("messages", "sender_domain") if name in fields}
    return inbound.decide_mail(the_rules, client(the_rules, **fields), Counts(**known), sender)


def test_a_required_tls_is_demanded_before_anything_else() -> None:
    asked = rules(
        tls=TlsDemand.REQUIRED, smtp_auth=AuthDemand.REQUIRED, max_messages_per_connection=1
    )
    outcome = mail(asked, ANN, messages=1)
    assert isinstance(outcome, Deny)
    assert outcome.demand is Demand.TLS
    assert outcome.reply.wire() == b"530 5.7.0 Must issue a STARTTLS command first\r\n"
    assert demand_of(mail(asked, ANN, messages=1, tls=True)) is Demand.AUTH
    assert demand_of(mail(asked, ANN, messages=1, tls=True, user="ann")) is Demand.MESSAGES
    assert mail(asked, ANN, tls=True, user="ann") is ALLOW


@pytest.mark.parametrize(
    ("sender", "tls", "demand"),
    [
        ("ann@bank.example", False, Demand.SENDER_TLS),
        ("ANN@BANK.example", False, Demand.SENDER_TLS),
        ("ann@sub.bank.example", False, None),
        ("x@deep.sub.clinic.example", False, Demand.SENDER_TLS),
        ("x@clinic.example", False, None),
        ("boss@anywhere.example", False, Demand.SENDER_TLS),
        ("ann@bank.example", True, None),
        ("bob@other.example", False, None),
    ],
)
def test_listed_senders_need_tls_and_others_do_not(
    sender: str, tls: bool, demand: Demand | None
) -> None:
    listed = ("bank.example", ".clinic.example", "boss@")
    asked = rules(tls=TlsDemand.PREFERRED, tls_mandatory_list=listed)
    assert demand_of(mail(asked, address(sender), tls=tls)) is demand


def test_the_null_sender_is_on_no_list_and_has_no_domain() -> None:
    asked = rules(
        tls=TlsDemand.PREFERRED, tls_mandatory_list=("bank.example",), check_sender_domain=True
    )
    assert mail(asked, None) is ALLOW


@pytest.mark.parametrize(
    ("answer", "wire"),
    [
        (SenderDomain.EXISTS, None),
        (SenderDomain.MISSING, b"550 5.1.8 "),
        (SenderDomain.NULL_MX, b"550 5.7.27 "),
        (SenderDomain.UNKNOWN, b"451 4.1.8 "),
    ],
)
def test_a_sender_s_domain_is_asked_for_and_judged(
    answer: SenderDomain, wire: bytes | None
) -> None:
    asked = rules(check_sender_domain=True)
    assert mail(asked, ANN) == AskDomain("bank.example")
    outcome = mail(asked, ANN, sender_domain=answer)
    if wire is None:
        assert outcome is ALLOW
    else:
        assert isinstance(outcome, Deny)
        assert outcome.reply.wire().startswith(wire)


def test_an_address_literal_has_no_domain_to_ask_for() -> None:
    assert mail(rules(check_sender_domain=True), address("ann@[192.0.2.5]")) is ALLOW


def test_a_bare_sender_gets_the_default_domain_or_is_refused_as_the_engine_does() -> None:
    outcome = mail(rules(), address("cron"))
    assert isinstance(outcome, Deny)
    assert outcome.reply.wire() == b"501 5.1.7 Missing domain in address: 'cron'\r\n"
    inside = replace(ENTRANCE, default_domain="shop.example")
    asked = rules(
        entrance=inside,
        check_sender_domain=True,
        tls=TlsDemand.PREFERRED,
        tls_mandatory_list=("cron@shop.example",),
    )
    assert demand_of(mail(asked, address("cron"))) is Demand.SENDER_TLS
    assert mail(asked, address("cron"), tls=True) == AskDomain("shop.example")


# --- RCPT ---------------------------------------------------------------------------------------


def recipient(the_rules: InboundRules, text: str, *, counts: Counts, **fields: Any) -> object:
    return inbound.decide_recipient(the_rules, client(the_rules, **fields), counts, address(text))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("bob@shop.example", None),
        ("bad@shop.example", 551),
        ("bob@other.example", 550),
        ("other.example%bob@shop.example", 550),
        ("Postmaster", None),
        ("bob", 501),
    ],
)
def test_the_recipient_table_decides_for_strangers(text: str, code: int | None) -> None:
    outcome = recipient(rules(), text, counts=Counts())
    assert (outcome.reply.code if isinstance(outcome, Deny) else None) == code


def test_who_may_relay_is_not_asked_for_the_recipient_table() -> None:
    relay = rules(behavior=Behavior.RELAY)
    counts = Counts(refused_recipients=1000)
    assert recipient(relay, "x@other.example", counts=counts) is ALLOW
    assert recipient(rules(), "x@other.example", counts=counts, may_relay=True) is ALLOW
    assert demand_of(recipient(rules(), "x@other.example", counts=Counts(), user="ann")) is (
        Demand.RECIPIENT
    )


@pytest.mark.parametrize(
    ("behavior", "facts", "demand"),
    [
        (Behavior.ACCEPT, {}, Demand.RECIPIENT),
        (Behavior.ACCEPT, {"user": "ann", "may_relay": False}, Demand.RECIPIENT),
        (Behavior.ACCEPT, {"user": "ann", "may_relay": True}, None),
        (Behavior.RELAY, {}, None),
    ],
)
def test_a_private_listener_is_a_way_out_for_those_who_may_relay(
    behavior: Behavior, facts: dict[str, Any], demand: Demand | None
) -> None:
    private = replace(ENTRANCE, public=False, recipients=None)
    asked = rules(entrance=private, behavior=behavior)
    for recipient in (BOB, address("kim@far.example")):
        answer = inbound.decide_recipient(asked, client(asked, **facts), Counts(), recipient)
        assert demand_of(answer) is demand


def test_a_bare_recipient_gets_the_default_domain_and_is_looked_up_with_it() -> None:
    inside = rules(entrance=replace(ENTRANCE, default_domain="shop.example"))
    outside = rules(entrance=replace(ENTRANCE, default_domain="other.example"))
    assert recipient(inside, "bob", counts=Counts()) is ALLOW
    assert demand_of(recipient(inside, "bad", counts=Counts())) is Demand.RECIPIENT
    assert demand_of(recipient(outside, "bob", counts=Counts())) is Demand.RECIPIENT


@pytest.mark.parametrize(("drop", "code"), [(True, 421), (False, 550)])
def test_too_many_refused_recipients_end_the_guessing_whatever_is_asked(
    drop: bool, code: int
) -> None:
    asked = rules(dhap_limit=3, dhap_drop_connection=drop)
    for text in ("bob@shop.example", "ghost@other.example"):
        outcome = recipient(asked, text, counts=Counts(refused_recipients=3))
        assert isinstance(outcome, Deny)
        assert (outcome.demand, outcome.reply.code) == (Demand.HARVEST, code)
    assert recipient(asked, "bob@shop.example", counts=Counts(refused_recipients=2)) is ALLOW
    free = rules(dhap_limit=0)
    assert recipient(free, "bob@shop.example", counts=Counts(refused_recipients=99)) is ALLOW


@pytest.mark.parametrize(
    ("counts", "demand"),
    [
        (Counts(client_recipients=4, sender_recipients=6), None),
        (Counts(client_recipients=5), Demand.CLIENT_RATE),
        (Counts(sender_recipients=7), Demand.SENDER_RATE),
        (Counts(client_recipients=5, sender_recipients=7), Demand.CLIENT_RATE),
        (Counts(recipients=50), Demand.RECIPIENTS),
    ],
)
def test_recipients_are_limited_in_an_hour_and_in_a_message(
    counts: Counts, demand: Demand | None
) -> None:
    asked = rules(
        max_recipients_per_hour=5,
        max_sender_recipients_per_hour=7,
        rate_code=550,
        rate_text="too many from $RemoteIP",
    )
    outcome = recipient(asked, "bob@shop.example", counts=counts)
    assert demand_of(outcome) is demand
    if isinstance(outcome, Deny) and demand is not Demand.RECIPIENTS:
        assert outcome.reply.wire() == b"550 5.7.1 too many from 192.0.2.9\r\n"


# --- the walk -----------------------------------------------------------------------------------

limits = st.sampled_from([0, 1, 3])
policies = st.builds(
    MailFlowPolicy,
    name=st.just("P"),
    behavior=st.sampled_from([one for one in Behavior if one is not Behavior.CONTINUE]),
    tls=st.sampled_from(TlsDemand),
    verify_client_certificate=st.booleans(),
    tls_mandatory_list=st.sampled_from([(), ("bank.example",)]),
    smtp_auth=st.sampled_from(AuthDemand),
    max_messages_per_connection=st.integers(1, 3),
    max_recipients_per_message=st.integers(1, 3),
    max_connections_per_client=st.integers(1, 3),
    max_recipients_per_hour=limits,
    max_sender_recipients_per_hour=limits,
    dhap_limit=limits,
    dhap_drop_connection=st.booleans(),
    check_sender_domain=st.booleans(),
)
counted = st.builds(
    Counts,
    *[st.integers(0, 4)] * 7,
    sender_domain=st.sampled_from(SenderDomain),
)
entrances = st.builds(
    replace,
    st.just(ENTRANCE),
    recipients=st.sampled_from([TABLE, None]),
    default_domain=st.sampled_from([None, "shop.example", "bank.example"]),
    delayed_reject=st.booleans(),
    max_connections=st.integers(1, 3),
)
addresses = st.sampled_from(
    [address(one) for one in ("ann@bank.example", "bob@shop.example", "cron", "Postmaster")]
)


@given(
    policies,
    entrances,
    counted,
    st.booleans(),
    st.sampled_from([ClientCertificate(), VALID, INVALID]),
    st.sampled_from([None, "ann"]),
    st.booleans(),
    addresses,
    st.none() | addresses,
)
def test_writing_a_walk_down_never_changes_where_it_ends(
    policy: MailFlowPolicy,
    entrance: Entrance,
    counts: Counts,
    tls: bool,
    certificate: ClientCertificate,
    user: str | None,
    may_relay: bool,
    to: Address,
    sender: Address | None,
) -> None:
    asked = inbound.rules_for(entrance, policy)
    who = client(asked, tls=tls, certificate=certificate, user=user, may_relay=may_relay)
    walks: list[list[Step]] = [[], [], [], []]
    for plain, watched, steps in (
        (
            inbound.decide_connection(asked, who, counts),
            inbound.decide_connection(asked, who, counts, walks[0]),
            walks[0],
        ),
        (
            inbound.decide_handshake(asked, who, counts),
            inbound.decide_handshake(asked, who, counts, walks[1]),
            walks[1],
        ),
        (
            inbound.decide_mail(asked, who, counts, sender),
            inbound.decide_mail(asked, who, counts, sender, walks[2]),
            walks[2],
        ),
        (
            inbound.decide_recipient(asked, who, counts, to),
            inbound.decide_recipient(asked, who, counts, to, walks[3]),
            walks[3],
        ),
    ):
        assert plain == watched
        unmet = [step for step in steps if not step.met]
        if isinstance(plain, Deny):
            assert [step.demand for step in unmet] == [plain.demand]
            assert steps[-1] is unmet[0]
            assert unmet[0].asked
        elif plain is not REFUSE_TCP:
            assert unmet == []


def test_the_walk_of_a_mail_names_every_demand_in_the_documented_order() -> None:
    asked = rules()
    steps: list[Step] = []
    assert inbound.decide_mail(asked, client(asked), Counts(), ANN, steps) is ALLOW
    assert [step.demand for step in steps] == [
        Demand.TLS,
        Demand.CERTIFICATE,
        Demand.AUTH,
        Demand.MESSAGES,
        Demand.SENDER_ADDRESS,
        Demand.SENDER_TLS,
        Demand.SENDER_DOMAIN,
    ]
    assert [step.asked for step in steps] == [False, False, False, True, True, False, False]
    steps.clear()
    assert inbound.decide_recipient(asked, client(asked), Counts(), BOB, steps) is ALLOW
    assert [step.demand for step in steps] == [
        Demand.BEHAVIOR,
        Demand.RECIPIENT_ADDRESS,
        Demand.HARVEST,
        Demand.RECIPIENT,
        Demand.CLIENT_RATE,
        Demand.SENDER_RATE,
        Demand.RECIPIENTS,
    ]
    assert steps[3].detail == "accepted by shop.example"
