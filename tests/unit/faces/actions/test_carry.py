# SPDX-License-Identifier: Apache-2.0
"""What cannot be asked for at all, whether a gateway runs or not."""

from pathlib import Path

import pytest

from gatehouse.faces.actions import configuration, delivery
from gatehouse.faces.actions.carry import request_for
from gatehouse.faces.actions.errors import OperatorError
from tests.unit.faces.cli.shell.conftest import Desk


def test_octets_that_are_no_text_are_refused_in_words(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "data")
    try:
        for action, given in (
            (delivery.HOST, delivery.HostInput(domain="b\udcff.example")),
            (configuration.COMMIT, configuration.CommitInput(comment="b\udcff")),
        ):
            with pytest.raises(OperatorError, match="no text in UTF-8"):
                desk.carry(action, given)
    finally:
        desk.close()
    with pytest.raises(OperatorError, match="no text in UTF-8"):
        request_for(delivery.HOST, delivery.HostInput(domain="a.example"), "ops", "b\udcff")
