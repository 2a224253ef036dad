# SPDX-License-Identifier: Apache-2.0
"""How failures are named in log and bounce."""

import pytest

from gatehouse.policy.bounce import Stage, Trouble, classify_reply, classify_trouble


@pytest.mark.parametrize(
    ("code", "stage", "enhanced", "text"),
    [
        (550, Stage.RECIPIENT, "5.1.0", "Unknown address error"),
        (450, Stage.RECIPIENT, "4.1.0", "Unknown address error"),
        (553, Stage.RECIPIENT, "5.1.1", "Bad destination email address"),
        (421, Stage.MESSAGE, "4.3.2", "Not accepting messages at this time"),
        (554, Stage.CONNECT, "5.3.0", "Other mail system problem"),
        (250, Stage.MESSAGE, "4.5.0", "Other or undefined protocol status"),
    ],
)
def test_replies(code: int, stage: Stage, enhanced: str, text: str) -> None:
    found = classify_reply(code, stage)
    assert (found.enhanced, found.text) == (enhanced, text)


def test_the_class_follows_the_first_digit() -> None:
    for stage in Stage:
        for code in range(400, 600):
            assert classify_reply(code, stage).permanent == (code >= 500)


def test_only_what_is_certain_bounces() -> None:
    permanent = {trouble for trouble in Trouble if classify_trouble(trouble).permanent}
    assert permanent == {
        Trouble.NO_SUCH_DOMAIN,
        Trouble.NULL_MX,
        Trouble.LOOP,
        Trouble.UNROUTABLE,
        Trouble.EXPIRED,
        Trouble.TOO_MANY_HOPS,
        Trouble.REQUIRETLS_UNSUPPORTED,
    }
    assert classify_trouble(Trouble.NULL_MX).enhanced == "5.1.10"
