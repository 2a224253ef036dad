# SPDX-License-Identifier: Apache-2.0
"""certconfig > CERTAUTHORITY and > CRL: answers in, trust and revocation out."""

from pathlib import Path

import trustme

from gatehouse.faces.actions import trust
from tests.unit.faces.cli.shell.conftest import Desk

CUSTOM = ("certconfig", "CERTAUTHORITY", "CUSTOM")


def names(desk: Desk) -> list[str]:
    found = desk.carry(trust.LIST, trust.ListInput())
    assert isinstance(found, trust.TrustList)
    return [one.name for one in found.entries]


def test_an_authority_is_imported_exported_and_removed(desk: Desk, tmp_path: Path) -> None:
    pem, out = tmp_path / "ca.pem", tmp_path / "out.pem"
    trustme.CA().cert_pem.write_to_path(pem)
    desk.play(*CUSTOM, "IMPORT", str(pem), "partner", "EXPORT", str(out), "PRINT", "", "", "")
    assert names(desk) == ["partner"]
    assert "Custom list: 1 entries" in desk.said
    assert out.read_text() == f"# partner\n{pem.read_text()}"
    desk.play(*CUSTOM, "DELETE", "partner", "N", "DELETE", "1", "Y", "EXPORT", "x", "", "", "")
    assert names(desk) == []
    assert "There is nothing to write." in desk.said


def test_an_authority_is_pasted(desk: Desk) -> None:
    lines = trustme.CA().cert_pem.bytes().decode().splitlines()
    desk.play(*CUSTOM, "IMPORT", "", *lines, "", ".", "pasted", "", "", "")
    assert names(desk) == ["pasted"]
    desk.play(*CUSTOM, "IMPORT", "", "nonsense", ".", "more", "", "", "")
    assert names(desk) == ["pasted"]


def test_what_is_no_certificate_is_refused_and_the_menu_goes_on(desk: Desk, tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    bad.write_text("nonsense")
    desk.play(*CUSTOM, "IMPORT", str(bad), "partner", "DELETE", "", "", "")
    assert "There is no entry of your own." in desk.said


def test_the_list_of_the_system_is_switched_off_and_on(desk: Desk, tmp_path: Path) -> None:
    pem, out = tmp_path / "system.pem", tmp_path / "out.pem"
    trustme.CA().cert_pem.write_to_path(pem)
    desk.play(f"set trust.system_file {pem}")
    way = ("certconfig", "CERTAUTHORITY", "SYSTEM")
    made = desk.play(*way, "EXPORT", str(out), "PRINT", "DISABLE", "", "", "")
    assert made.trust.system is False
    assert pem.read_text() in out.read_text()
    assert "System list: disabled" in desk.said
    assert desk.play(*way, "ENABLE", "", "", "").trust.system is True
    missing = desk.play(
        f"set trust.system_file {tmp_path / 'gone'}", *way, "EXPORT", "x", "", "", ""
    )
    assert missing.trust.system_file.endswith("gone")
    assert any("cannot be read" in line for line in desk.said)


def test_sources_of_revocation_lists_and_switches(desk: Desk) -> None:
    way = ("certconfig", "CRL")
    new = ["NEW", "http://crl.a.example/ca.crl", "1h", "N", "NEW", "file:///srv/b.crl", "", "N"]
    made = desk.play(*way, *new, "SETUP", "Y", "N", "2", "PRINT", "", "")
    assert [(one.url, one.interval) for one in made.crl.sources] == [
        ("http://crl.a.example/ca.crl", 3600),
        ("file:///srv/b.crl", 21_600),
    ]
    assert (made.crl.check_clients, made.crl.check_servers) == (True, False)
    assert made.crl.on_unavailable == "closed"
    made = desk.play(*way, "EDIT", "2", "http://crl.b.example/b.crl", "", "Y", "", "")
    assert (made.crl.sources[1].internal, made.crl.sources[1].interval) == (True, 21_600)
    made = desk.play(*way, "DELETE", "1", "N", "DELETE", "1", "Y", "", "")
    assert [one.url for one in made.crl.sources] == ["http://crl.b.example/b.crl"]
    made = desk.play(*way, "DELETE", "1", "Y", "DELETE", "", "")
    assert made.crl.sources == []
    assert "There is no source." in desk.said


def test_a_bad_source_is_asked_for_again_at_once(desk: Desk) -> None:
    url = ["ftp://a.example/", "", "http://crl.a.example/ca.crl"]
    made = desk.play("certconfig", "CRL", "NEW", *url, "soon", "10s", "1h", "N", "", "")
    assert [one.interval for one in made.crl.sources] == [3600]
    assert any("http://host/path" in line for line in desk.said)
    assert sum("at least 5m, at most 7d" in line for line in desk.said) == 2


def test_the_lists_are_fetched_at_once(desk: Desk) -> None:
    desk.play("certconfig", "CRL", "UPDATE", "", "")
    assert not any("error" in line.lower() for line in desk.said[-20:])
