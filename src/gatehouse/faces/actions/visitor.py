# SPDX-License-Identifier: Apache-2.0
"""Actions for somebody who has logged in at a face of ours: asked for at the control socket.

The face says as which account, by which door and with which login; what the account may do is
looked up by the gateway, anew for each action. So a face holds no rights, and who is demoted,
locked or given another password in the middle of a session may nothing more at the next action.
Only the change that somebody makes to his own account leaves his own login standing.
"""

import asyncio

import msgspec

from gatehouse.faces.actions.action import Action, Needs
from gatehouse.faces.actions.carry import ask, request_for
from gatehouse.faces.actions.errors import OperatorError
from gatehouse.faces.actions.house import House
from gatehouse.faces.actions.perform import do, logged_in
from gatehouse.policy.people import Role
from gatehouse.service.base.control import Visit
from gatehouse.smtp import saslprep
from gatehouse.store.errors import StoreError


class Visitor:
    """Somebody who has logged in. Blocking: used by the thread of his session."""

    def __init__(self, house: House, name: str, visit: Visit) -> None:
        self._house = house
        self._visit = visit
        self._changing = False  # his own account, so that what is seen of it is not the end
        self.name = name

    @property
    def address(self) -> str:
        """Where he is."""
        return self._visit.address

    def role(self) -> Role:
        """What he may do now; raises OperatorError when his login does not count any more."""
        return logged_in(self._house, self.name, self._visit).role

    def counts(self) -> bool:
        """Whether his login still does; for any thread. Raises StoreError."""
        visit = self._visit
        try:
            logged_in(self._house, self.name, visit)
        except OperatorError:
            return self._changing or self._visit is not visit
        return True

    def carry(self, action: Action, given: msgspec.Struct) -> msgspec.Struct:
        """Have an action done; raises OperatorError."""
        try:
            return self._carry(action, given)
        except StoreError as error:
            raise OperatorError("store-trouble", f"{error}.".replace("..", ".")) from error

    def _carry(self, action: Action, given: msgspec.Struct) -> msgspec.Struct:
        if action.needs is Needs.NOTHING:
            who = logged_in(self._house, self.name, self._visit)
            return asyncio.run(do(action, self._house.acting_for(who), given))
        request = request_for(action, given, self.name, self.name, self._visit)
        if not self._is_his_own(action, given):
            return ask(self._house.directory, action, request)
        before, self._changing = self._version(), True
        try:
            done = ask(self._house.directory, action, request)
            self._go_on(before)
        finally:
            self._changing = False
        return done

    def _is_his_own(self, action: Action, given: msgspec.Struct) -> bool:
        """Whether it changes his own account."""
        if not (action.own and action.changes):
            return False
        return saslprep.prepare_name(getattr(given, "name", "")) == self.name

    def _version(self) -> int | None:
        account = self._house.store.people.get(self.name)
        return None if account is None else account.version

    def _go_on(self, before: int | None) -> None:
        """His login counts on, unless somebody else has changed the account at the same time."""
        account = self._house.store.people.get(self.name)
        if account is not None and before is not None and account.version == before + 1:
            self._visit = msgspec.structs.replace(
                self._visit, credentials_at=account.credentials_at
            )
