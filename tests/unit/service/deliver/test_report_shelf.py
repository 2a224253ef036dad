# SPDX-License-Identifier: Apache-2.0
"""A report can come as JSON, packed, or as the mail it came in."""

import gzip

import pytest

from gatehouse.journal.tls_report import Report
from gatehouse.mail.tls_report import MAX_UNPACKED, NoReport
from gatehouse.service.deliver.report_shelf import read_file
from tests.unit.journal.test_tls_report import changed

JSON = changed()
MAIL = b"Subject: x\r\nContent-Type: application/tlsrpt+json\r\n\r\n" + JSON


@pytest.mark.parametrize("content", [JSON, gzip.compress(JSON, mtime=0), MAIL])
def test_a_report_is_read_in_each_of_its_forms(content: bytes) -> None:
    report = read_file(content)
    assert isinstance(report, Report) and report.failures == 303


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no TLS report"),
        (b"hello", "no TLS report"),
        (b"{}", "no TLS report"),
        (gzip.compress(b"{}", mtime=0), "no TLS report"),
        (gzip.compress(b" " * (MAX_UNPACKED + 1), mtime=0), "unpacked"),
    ],
)
def test_what_is_none_says_why(content: bytes, words: str) -> None:
    fault = read_file(content)
    assert isinstance(fault, NoReport) and words in fault.reason
