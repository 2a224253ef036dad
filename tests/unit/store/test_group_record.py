# SPDX-License-Identifier: Apache-2.0
"""Groups are hopped through from the first on; what is wrong ends the way, nothing raises."""

from hypothesis import given
from hypothesis import strategies as st

from gatehouse.mail.envelope import BodyType, Envelope, Notify, Recipient, Ret
from gatehouse.store import group_record
from gatehouse.store.group_record import HEAD_SIZE, Left
from gatehouse.store.values import BodyRef, MessageKind, NewMessage
from tests.store.building import address, new_message

SEGMENT = 0x52


def a_message(mid: int) -> NewMessage:
    return new_message(mid, BodyRef(SEGMENT, HEAD_SIZE, 3))


def segment(*groups: tuple[bytes, list[NewMessage]]) -> bytes:
    content = b""
    for bodies, messages in groups:
        envelopes = group_record.encode(messages) if messages else b""
        content += group_record.head(SEGMENT, len(content), len(bodies), envelopes)
        content += bodies + envelopes
    return content


def read(content: bytes, start: int = 0, *, whole: bool = True, name: int = SEGMENT) -> Left:
    return group_record.read(
        name, start, lambda count, offset: content[offset : offset + count], lambda _: whole
    )


def test_every_field_comes_back_as_it_was() -> None:
    given = new_message(
        2**40,
        BodyRef(SEGMENT, 2**35, 17),
        envelope=Envelope(
            sender=None,
            recipients=(
                Recipient(
                    address=address("jürgen@example.com"),
                    notify=frozenset({Notify.FAILURE, Notify.DELAY}),
                    orcpt="rfc822;x",
                ),
                Recipient(address=address("b@[192.0.2.1]")),
            ),
            body=BodyType.EIGHT_BIT,
            smtputf8=True,
            ret=Ret.HDRS,
            envid="e",
            requiretls=True,
        ),
        kind=MessageKind.DSN,
        parent=3,
        held=True,
        subject="\N{SNOWMAN}",
        tls_in='{"protocol":"TLSv1.3"}',
    )
    content = segment((b"", [given]))
    assert read(content) == Left((given,), len(content))


def test_groups_are_read_one_behind_the_other() -> None:
    content = segment((b"abc", [a_message(1)]), (b"body only", []), (b"", [a_message(2)]))
    assert [one.mid for one in read(content).messages] == [1, 2]
    assert read(content).end == len(content)


def test_reading_begins_where_it_is_told() -> None:
    first = segment((b"abc", [a_message(1)]))
    content = segment((b"abc", [a_message(1)]), (b"", [a_message(2)]))
    assert [one.mid for one in read(content, len(first)).messages] == [2]
    assert read(content, len(content)) == Left((), len(content))


def test_only_the_last_group_is_asked_whether_its_bodies_are_whole() -> None:
    content = segment((b"abc", [a_message(1)]), (b"", [a_message(2)]))
    assert [one.mid for one in read(content, whole=False).messages] == [1]


def test_a_segment_under_another_name_holds_nothing() -> None:
    assert read(segment((b"abc", [a_message(1)])), name=SEGMENT + 2) == Left((), 0)


def test_a_group_at_another_place_is_none() -> None:
    moved = b"\0" * 8 + segment((b"abc", [a_message(1)]))
    assert read(moved, 8) == Left((), 8)


@given(st.integers(0, 5_000))
def test_a_file_cut_anywhere_gives_whole_groups_only(length: int) -> None:
    first = segment((b"a" * 900, [a_message(1)]))
    content = segment((b"a" * 900, [a_message(1)]), (b"b" * 900, [a_message(2)]))
    found = read(content[:length])
    expected = [1, 2] if length >= len(content) else [1] if length >= len(first) else []
    assert [one.mid for one in found.messages] == expected


@given(st.data())
def test_a_changed_octet_in_head_or_envelopes_ends_the_way(data: st.DataObject) -> None:
    content = bytearray(segment((b"abc", [a_message(1)])))
    place = data.draw(st.integers(0, HEAD_SIZE - 1) | st.integers(HEAD_SIZE + 3, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    assert read(bytes(content)) == Left((), 0)


@given(st.binary(max_size=300))
def test_no_octets_make_it_raise(content: bytes) -> None:
    assert read(content) == Left((), 0)
