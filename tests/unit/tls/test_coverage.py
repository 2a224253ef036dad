# SPDX-License-Identifier: Apache-2.0
"""MX host name, certificate name, interface host name: which of the three disagree."""

from gatehouse.tls.coverage import three_names
from gatehouse.tls.names import PresentedNames

MX = PresentedNames(dns=("mx.example.com",))


def test_three_equal_names_agree_whatever_their_case_and_dot() -> None:
    found = three_names([MX], interface="mx.example.com", mx=["MX.example.com."])
    assert found.agree
    assert found.sentences() == ()


def test_what_is_not_known_is_not_held_against_anybody() -> None:
    assert three_names([MX], interface="mx.example.com").agree


def test_an_mx_host_that_the_certificate_does_not_cover_is_named_as_testers_write_it() -> None:
    found = three_names([MX], interface="mx.example.com", mx=["mailC.example.com"])
    assert not found.agree
    assert "certificate (mx.example.com) != MX host name (mailc.example.com)" in found.sentences()


def test_an_interface_name_that_no_certificate_covers_is_said() -> None:
    found = three_names([MX], interface="gw.example.com", mx=["mx.example.com"])
    assert not found.interface_covered
    assert found.mx_uncovered == ()
    assert found.mx_elsewhere == ("mx.example.com",)


def test_several_certificates_count_together_and_a_common_name_does_not() -> None:
    other = PresentedNames(dns=("*.example.org",), common_name="cn.example.com")
    assert three_names([MX, other], interface="mx.example.org").agree
    assert not three_names([MX, other], interface="cn.example.com").agree
