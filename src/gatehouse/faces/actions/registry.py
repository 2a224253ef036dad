# SPDX-License-Identifier: Apache-2.0
"""Everything an operator can do. What is not in this table does not exist for any face."""

from gatehouse.faces.actions import (
    acme,
    alarms,
    certificates,
    certificates_look,
    configuration,
    crl,
    logs,
    program,
    queue,
    smart_hosts,
    status,
    trust,
)
from gatehouse.faces.actions.action import Action

ACTIONS: tuple[Action, ...] = (
    status.STATUS,
    configuration.SHOW,
    configuration.CHECK,
    configuration.LOAD,
    configuration.DIFF,
    configuration.COMMIT,
    configuration.CLEAR,
    configuration.HISTORY,
    queue.LIST,
    queue.SHOW,
    queue.HOLD,
    queue.RELEASE,
    queue.RETRY,
    queue.DELETE,
    certificates.CREATE,
    certificates.CSR,
    certificates.INSTALL,
    certificates_look.IMPORT,
    certificates_look.EXPORT,
    certificates.LIST,
    certificates_look.SHOW,
    certificates.ASSIGN,
    certificates.DELETE,
    trust.LIST,
    trust.ADD,
    trust.REMOVE,
    trust.COLLECT,
    acme.ORDER,
    acme.RENEW,
    crl.LIST,
    crl.UPDATE,
    smart_hosts.LIST,
    smart_hosts.PASSWORD,
    smart_hosts.FORGET,
    alarms.LIST,
    logs.TAIL,
    program.VERSION,
)

BY_NAME = {action.name: action for action in ACTIONS}

# What stands in front of the commands of a group, and why one looks there.
GROUPS = {
    "config": "The configuration: look at it, check a file, make it run.",
    "queue": "Mail that waits: look at it, hold it, try it now, remove it.",
    "certificate": "Certificates and their keys: make, sign, import, show, assign.",
    "trust": "Whose certificates are believed: the custom list and the system's.",
    "smart-host": "The relays that SMTP routes use, and their passwords.",
    "crl": "Revocation lists: what is held, and fetch anew.",
    "alarm": "What the gateway wanted somebody to know.",
    "log": "The mail log and the event log.",
}
