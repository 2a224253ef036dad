# SPDX-License-Identifier: Apache-2.0
"""Reading and sweeping, seen from the spool alone; with a store: tests/store/test_spool.py."""

import itertools
from pathlib import Path

import pytest

from gatehouse.store.errors import BodyMissing
from gatehouse.store.group_record import HEAD_SIZE
from gatehouse.store.spool import Spool, segment_path
from gatehouse.store.spool_writer import SpoolWriter
from gatehouse.store.values import BodyRef
from tests.store.building import write_body


def test_a_missing_segment_says_so(tmp_path: Path) -> None:
    with pytest.raises(BodyMissing):
        Spool(tmp_path).read_small(BodyRef(2, 0, 1))


def test_files_that_are_not_ours_are_never_touched(tmp_path: Path) -> None:
    for name in ("notes.txt", "0000000000000002.seg.bak", "xyz.seg", "zzzzzzzzzzzzzzzz.seg"):
        (tmp_path / name).write_text("mine")
    spool = Spool(tmp_path)
    assert spool.segments() == []
    assert spool.reclaim(lambda _: set()) == []
    assert len(list(tmp_path.iterdir())) == 4


def test_a_row_that_comes_while_the_sweep_looks_saves_its_segment(tmp_path: Path) -> None:
    segment_path(tmp_path, 2).write_bytes(b"")
    answers = iter([set[int](), {2}])
    assert Spool(tmp_path).reclaim(lambda _: next(answers)) == []
    assert segment_path(tmp_path, 2).exists()


def test_many_segments_are_read_with_few_descriptors(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    writer = SpoolWriter(spool, itertools.count(1).__next__, segment_size=60)
    refs = [write_body(writer, b"%02d" % number * 10) for number in range(40)]
    writer.sync()
    assert [spool.read_small(ref) for ref in refs] == [b"%02d" % n * 10 for n in range(40)]
    assert len(spool._readers) <= 16
    assert spool.size(refs[0].segment) == HEAD_SIZE + 20 + 36
    assert spool.size(999) == 0
    writer.close()
    spool.close()
