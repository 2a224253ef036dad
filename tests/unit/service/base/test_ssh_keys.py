# SPDX-License-Identifier: Apache-2.0
"""Public keys as people paste them: what is taken, what is refused, and what they are called."""

import base64
import struct
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from gatehouse.app import open_house
from gatehouse.service.base import ssh_keys
from gatehouse.service.base.ssh_keys import KeyFault, PublicKey, read_public_key

# From RFC 8709's key format with 32 octets 0x00..0x1f; the fingerprint is `ssh-keygen -lf`'s.
LINE = (
    b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f ann@desk\n"
)
FINGERPRINT = "SHA256:ZkAslGjFiUHdGf/WUL8rQvkib4PTvQatUV0OUQSncCA"


def line_of(key: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
    return key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )


def hardware_key() -> bytes:
    """The form of OpenSSH's PROTOCOL.u2f."""
    name = b"sk-ssh-ed25519@openssh.com"
    parts = (name, bytes(range(32)), b"ssh:")
    blob = b"".join(struct.pack(">I", len(part)) + part for part in parts)
    return name + b" " + base64.b64encode(blob)


def test_a_key_has_the_fingerprint_that_ssh_keygen_shows() -> None:
    read = read_public_key(b"# my keys\n\n" + LINE)
    assert isinstance(read, PublicKey)
    assert (read.algorithm, read.comment) == ("ssh-ed25519", "ann@desk")
    assert read.fingerprint == FINGERPRINT
    assert LINE.decode().startswith(read.line + " ")


@pytest.mark.parametrize(
    "line",
    [
        line_of(ec.generate_private_key(ec.SECP256R1())),
        line_of(ec.generate_private_key(ec.SECP521R1())),
        line_of(rsa.generate_private_key(65537, 2048)),
        hardware_key(),
    ],
    ids=lambda line: line.split()[0].decode(),
)
def test_algorithms_of_today_are_taken(line: bytes) -> None:
    assert isinstance(read_public_key(line), PublicKey)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n", "This is a private key."),
        (b"", "There is no key."),
        (LINE + LINE, "There are 2 lines with a key."),
        (b'command="sh" ' + LINE, "It does not begin with an algorithm that is taken."),
        (b"ssh-dss AAAAB3NzaC1kc3M=\n", "It does not begin with an algorithm that is taken."),
        (LINE[:40], "The key is damaged."),
        (b"ssh-ed25519\n", "The key is damaged."),
        (b"ssh-ed25519 \xff\xff\n", "The key is damaged."),
        (b"ecdsa-sha2-nistp256 " + LINE.split()[1], "The key is damaged."),
        (line_of(rsa.generate_private_key(65537, 1024)), "An RSA key of 1024 bits is too short."),
        (b"x" * (ssh_keys.LONGEST + 1), "The file is larger than any key."),
    ],
)
def test_what_is_no_key_is_refused_with_the_reason(content: bytes, why: str) -> None:
    read = read_public_key(content)
    assert isinstance(read, KeyFault)
    assert read.why == why


def test_a_comment_cannot_carry_control_characters_and_is_bounded() -> None:
    read = read_public_key(LINE.strip() + b"\x1b[2J\xe2\x80\xae" + b"y" * 200)
    assert isinstance(read, PublicKey)
    assert read.comment.isprintable()
    assert len(read.comment) == ssh_keys.LONGEST_COMMENT


def test_the_host_key_is_made_once_and_lies_sealed(tmp_path: Path) -> None:
    directory, store = open_house(tmp_path / "data")
    first = ssh_keys.host_key(store)
    store.close()
    _, store = open_house(tmp_path / "data")
    assert ssh_keys.host_key(store) == first
    ssh_keys.renew_host_key(store, 2.0)
    assert ssh_keys.host_key(store) != first
    public = ssh_keys.host_public_key(first)
    assert public.algorithm == "ssh-ed25519"
    store.close()
    assert b"OPENSSH PRIVATE KEY" not in directory.database.read_bytes()
