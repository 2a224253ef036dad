# SPDX-License-Identifier: Apache-2.0
"""Where the gateway fetches from, and where it lets itself not be sent."""

import pytest

from gatehouse.policy.fetch_targets import (
    FileTarget,
    TargetFault,
    WebTarget,
    judge_address,
    parse_target,
)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://crl.example.com/ca.crl", WebTarget(False, "crl.example.com", 80, "/ca.crl")),
        ("HTTPS://CRL.example.com:8443", WebTarget(True, "crl.example.com", 8443, "/")),
        ("http://[::1]:8080/x?y=1", WebTarget(False, "::1", 8080, "/x?y=1")),
        ("file:///etc/pki/ca.crl", FileTarget("/etc/pki/ca.crl")),
    ],
)
def test_urls_are_read(url: str, target: object) -> None:
    assert parse_target(url) == target


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://host/x",
        "ldap://host/x",
        "http://user:secret@host/x",
        "http://host/x#y",
        "http://host/a b",
        "http://host\r\nX: y/",
        "http://host/\r\nX: y",
        "http:///x",
        "http://host:0/",
        "http://host:99999/",
        "http://[::1/",
        "http://[1:2:3]/",
        "file://relative",
        "file://host/x\n",
        "http://h/" + "a" * 2000,
        "http://host\\@other/",
    ],
)
def test_what_is_no_url_of_ours_is_refused(url: str) -> None:
    assert isinstance(parse_target(url), TargetFault)


INSIDE = [
    "127.0.0.1", "10.1.2.3", "192.168.1.1", "172.16.0.1", "100.64.0.1", "::1", "fd00::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::10.0.0.1", "::10.0.0.1",
    "192.0.2.1", "240.0.0.1", "2001:0:7f00:1::1",
]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_a_name_that_leads_inside_is_refused_unless_it_was_marked(address: str) -> None:
    assert judge_address(address, named=False, internal=False)
    assert judge_address(address, named=False, internal=True) is None
    assert judge_address(address, named=True, internal=False) is None


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "fe80::1", "fe80::1%eth0", "::ffff:169.254.1.1"]
)
def test_link_local_addresses_must_be_named(address: str) -> None:
    assert judge_address(address, named=False, internal=True)
    assert judge_address(address, named=True, internal=False) is None


@pytest.mark.parametrize(
    "address", ["0.0.0.0", "::", "224.0.0.1", "ff02::1", "::ffff:0.0.0.0", "x"]
)
def test_some_addresses_are_never_fetched_from(address: str) -> None:
    assert judge_address(address, named=True, internal=True)


@pytest.mark.parametrize("address", ["8.8.8.8", "2a00:1450:4001::1", "::ffff:8.8.8.8"])
def test_public_addresses_are_fine(address: str) -> None:
    assert judge_address(address, named=False, internal=False) is None


@pytest.mark.parametrize(
    ("url", "named"),
    [("http://127.0.0.1/", True), ("http://localhost/", True), ("http://[::1]/", True),
     ("http://crl.internal/", False), ("http://2130706433/", False), ("http://0x7f.1/", False)],
)  # fmt: skip
def test_only_plain_addresses_and_localhost_name_an_address(url: str, named: bool) -> None:
    target = parse_target(url)
    assert isinstance(target, WebTarget)
    assert target.names_an_address is named
