# SPDX-License-Identifier: Apache-2.0
"""Whole tables are replaced, and what an operator wrote elsewhere stays as it is."""

from typing import Any

import pytest

from gatehouse.config import checks, document, edit_tables, format, schema, text

TEXT = """\
# the gateway of the head office
format = 1

[interfaces.Net]   # inside
address = "127.0.0.1"

[listeners."In"]
type = "public"
interface = "Net"
recipient_access = [
    { recipient = "example.com", access = "accept" },  # ours
    # { recipient = "old.example", access = "accept" },
]
port = 2525

[[listeners.In.sender_groups]]  # our ] first
name = "A"
members = ["192.0.2.1"]
policy = "ACCEPTED"

# about B
[[listeners.In.sender_groups]]
name = "B"
policy = "ACCEPTED"

# how we deliver
[delivery]
smtp_port = 25
"""
GROUPS = ("listeners", "In", "sender_groups")


def with_groups(before: schema.Document, names: list[str]) -> tuple[schema.Document, list[str]]:
    groups = [schema.SenderGroup(name=name, policy="TRUSTED") for name in names]
    section = before.listeners["In"].model_copy(update={"sender_groups": groups})
    wanted = before.model_copy(update={"listeners": {"In": section}})
    return wanted, format.format_tables(GROUPS, groups)


def read(data: str | bytes) -> schema.Document:
    loaded = text.parse(data if isinstance(data, bytes) else data.encode())
    assert isinstance(loaded, text.Parsed)
    found = document.read(loaded.values)
    assert isinstance(found, schema.Document)
    return found


def rewritten(source: str, names: list[str]) -> str:
    wanted, lines = with_groups(read(source), names)
    change = edit_tables.Tables(GROUPS, lines, ("listeners", "In"))
    edited = edit_tables.rewrite(source.encode(), wanted, [change])
    assert read(edited) == wanted
    return edited.decode()


def test_the_groups_are_replaced_and_comments_elsewhere_stay() -> None:
    edited = rewritten(TEXT, ["X", "Y"])
    assert edited.startswith(TEXT.partition("[[")[0])
    assert edited.endswith("# how we deliver\n[delivery]\nsmtp_port = 25\n")
    assert "about B" not in edited
    assert edited.count("[[listeners.In.sender_groups]]") == 2


def test_all_of_them_can_go() -> None:
    edited = rewritten(TEXT, [])
    assert "sender_groups" not in edited
    assert "# ours" in edited


def test_where_there_are_none_they_stand_behind_their_listener() -> None:
    bare = TEXT[: TEXT.index("[[")] + TEXT[TEXT.index("# how") :]
    edited = rewritten(bare, ["X"])
    assert edited.index("port = 2525") < edited.index("[[listeners") < edited.index("# how we")
    assert "# ours" in edited


def test_groups_apart_from_each_other_are_found_all() -> None:
    apart = TEXT + '\n# late\n[[listeners.In.sender_groups]]\nname = "C"\npolicy = "ACCEPTED"\n'
    edited = rewritten(apart, ["X"])
    assert edited.count("[[") == 1
    assert "# how we deliver" in edited


@pytest.mark.parametrize("tail", ["", "\n", "# the end"])
def test_what_cannot_be_edited_is_written_anew(tail: str) -> None:
    inline = (
        "format = 1\n[interfaces]\nNet = { address = '127.0.0.1' }\n[listeners]\n"
        "In = { type = 'public', interface = 'Net', sender_groups = "
        f"[{{ name = 'A', policy = 'ACCEPTED' }}] }}\n{tail}"
    )
    assert 'name = "X"' in rewritten(inline, ["X"])


@pytest.mark.parametrize(
    "written",
    [
        TEXT,
        TEXT.replace("port = 2525", "").replace("{ recipient", "{ recipient "),
        TEXT[: TEXT.index("recipient_access")] + TEXT[TEXT.index("port =") :],
        TEXT[: TEXT.index("recipient_access")]
        + TEXT[TEXT.index("port =") : TEXT.index("# how")]
        + '[[listeners.In.recipient_access]]\nrecipient = "a.example"\naccess = "accept"\n',
    ],
)
def test_a_field_of_many_lines_is_replaced(written: str) -> None:
    before = read(written)
    entries = [schema.RecipientAccess(recipient="new.example", access="accept")]
    section = before.listeners["In"].model_copy(update={"recipient_access": entries})
    wanted = before.model_copy(update={"listeners": {"In": section}})
    line = format.format_field("recipient_access", entries)
    change = edit_tables.Statement(("listeners", "In"), "recipient_access", line)
    edited = edit_tables.rewrite(written.encode(), wanted, [change])
    assert read(edited) == wanted
    assert b"# the gateway of the head office" in edited
    assert b"# about B" in edited


def test_a_section_is_put_at_the_end() -> None:
    before = read(TEXT)
    policies: dict[str, Any] = {"P.x": schema.MailFlowPolicy(dhap_limit=3)}
    wanted = before.model_copy(update={"mail_flow_policies": policies})
    path = ("mail_flow_policies", "P.x")
    change = edit_tables.Tables(path, format.format_tables(path, policies["P.x"]))
    edited = edit_tables.rewrite(TEXT.encode(), wanted, [change])
    assert edited.decode() == TEXT + '\n[mail_flow_policies."P.x"]\ndhap_limit = 3\n'
    changed = wanted.model_copy(
        update={"mail_flow_policies": {"P.x": schema.MailFlowPolicy(dhap_limit=4)}}
    )
    lines = format.format_tables(path, changed.mail_flow_policies["P.x"])
    again = edit_tables.rewrite(edited, changed, [edit_tables.Tables(path, lines)])
    assert again.decode() == edited.decode().replace("= 3", "= 4")
    assert isinstance(checks.load(again), checks.Loaded)
