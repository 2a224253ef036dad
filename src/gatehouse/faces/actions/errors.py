# SPDX-License-Identifier: Apache-2.0
"""What an operator is told when an action cannot be done.

An error has a reference that can be searched for, a message of one sentence, the context (which
thing), and a hint what to do, which may be empty. Findings stand beside it where there are many.
"""

import msgspec

# The action needs its secret input; a face that can ask a person does so and tries once more.
PASSWORD_NEEDED = "password-needed"
LOGIN_OVER = "login-over"  # the face ends the session of whoever hears it


class FindingView(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong, or odd, with a configuration."""

    severity: str  # error | warning
    place: str  # section and field; "" for the file as a whole
    line: int | None
    what: str
    found: str | None
    hint: str
    text: str  # all of it on one line


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """An error as all faces carry it."""

    reference: str
    message: str
    context: str = ""
    hint: str = ""
    findings: tuple[FindingView, ...] = ()

    def sentence(self) -> str:
        """All of it on one line, for people."""
        text = self.message
        if self.context:
            text = f"{text.rstrip('.')} ({self.context})."
        return f"{text} {self.hint}" if self.hint else text


class OperatorError(Exception):
    """The action was not done; nothing is half changed unless the message says so."""

    def __init__(
        self,
        reference: str,
        message: str,
        context: str = "",
        hint: str = "",
        findings: tuple[FindingView, ...] = (),
    ) -> None:
        super().__init__(message)
        self.fault = Fault(
            reference=reference, message=message, context=context, hint=hint, findings=findings
        )

    @classmethod
    def of(cls, fault: Fault) -> "OperatorError":
        """The same error again, where it came from elsewhere."""
        return cls(fault.reference, fault.message, fault.context, fault.hint, fault.findings)
