# SPDX-License-Identifier: Apache-2.0
"""Which fault of the system becomes which word of the store."""

import errno
import os

import pytest

from gatehouse.store.errors import StoreFull, StoreUnavailable, from_os_error


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_no_space_no_inodes_and_no_quota_are_full(number: int) -> None:
    error = from_os_error(OSError(number, os.strerror(number)), "write a body")
    assert type(error) is StoreFull
    assert str(error) == f"Could not write a body: {os.strerror(number)}"


@pytest.mark.parametrize("number", [errno.EIO, errno.EROFS, errno.EMFILE, errno.EACCES])
def test_everything_else_is_unavailable(number: int) -> None:
    assert type(from_os_error(OSError(number, "x"), "y")) is StoreUnavailable
