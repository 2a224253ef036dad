# SPDX-License-Identifier: Apache-2.0
"""The commands of the shell, with the names of the modelled appliance.

What somebody may do is decided by the actions that a command uses, as for every other face.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gatehouse.faces.cli.shell import (
    alerts,
    certificate,
    changes,
    cluster,
    configuration_files,
    delivery,
    destination,
    fields,
    listener,
    log_search,
    log_settings,
    operation,
    outgoing,
    smtp_auth,
    ssh,
    ssl,
    suspending,
    system,
    tls_reports,
    tracing,
    users,
)
from gatehouse.faces.cli.shell.dialogue import Talk


@dataclass(frozen=True, slots=True)
class Command:
    """One command."""

    summary: str  # one line, in `help`
    talk: Callable[[], Talk[None]]


COMMANDS: Mapping[str, Command] = {
    "alertconfig": Command("Set who gets alarms by mail.", alerts.alert_config),
    "bounceconfig": Command("Set how long delivery is tried.", outgoing.bounce_config),
    "certconfig": Command("Make, sign and import certificates.", certificate.certificate_config),
    "clear": Command("Drop what is not committed.", changes.clear),
    "clustercheck": Command("Show who differs from whom.", cluster.cluster_check),
    "clusterconfig": Command("Set which machines share this.", cluster.cluster_config),
    "clustermode": Command("Set whom edits are for.", cluster.cluster_mode),
    "clusterset": Command("Copy, move and delete settings of levels.", cluster.cluster_set),
    "commit": Command("Make the changes run.", changes.commit),
    "commitconfirm": Command("Keep a commit that would go back.", changes.commit_confirm),
    "commitdetail": Command("Show the last commit.", changes.commit_detail),
    "daneverify": Command("Test the DANE of a destination.", tracing.dane_verify),
    "deleterecipients": Command("Remove messages from the queue.", operation.delete_recipients),
    "delivernow": Command("Try mail now.", operation.deliver_now),
    "deliveryconfig": Command("Set how mail goes out.", delivery.delivery_config),
    "destconfig": Command("Set limits and TLS towards domains.", destination.destination_config),
    "findevent": Command("Show all log lines about a message.", log_search.find_event),
    "grep": Command("Show log lines with a text in them.", log_search.grep),
    "hoststatus": Command("Show one destination.", operation.host_status),
    "interfaceconfig": Command("Set addresses and their names.", system.interface_config),
    "listenerconfig": Command("Set where mail comes in, and how.", listener.listener_config),
    "loadconfig": Command("Make a file the candidate.", configuration_files.load_config),
    "logconfig": Command("Set how much of the logs is kept.", log_settings.log_config),
    "mailconfig": Command("Mail the configuration as a file.", configuration_files.mail_config),
    "passwd": Command("Give an account a new password.", users.password_of),
    "resetconfig": Command("Start again from the first.", configuration_files.reset_config),
    "resume": Command("Take and deliver mail again.", suspending.resume),
    "resumedel": Command("Deliver to suspended domains again.", suspending.resume_deliveries),
    "resumelistener": Command("Take connections again.", suspending.resume_listeners),
    "rollbackconfig": Command("Go back to an earlier configuration.", changes.roll_back),
    "saveconfig": Command("Write the configuration into a file.", configuration_files.save_config),
    "set": Command("Set any single field by its path.", fields.set_field),
    "sethostname": Command("Set the name of this machine.", system.set_hostname),
    "showchanges": Command("Show what a commit would change.", changes.show_changes),
    "showconfig": Command("Print the configuration in force.", changes.show_config),
    "showrecipients": Command("List messages that wait.", operation.show_recipients),
    "smtpauthconfig": Command("Set logins of users, and at relays.", smtp_auth.smtp_auth_config),
    "smtproutes": Command("Set where mail of a domain goes.", outgoing.smtp_routes),
    "sshconfig": Command("Set the shell over SSH, and its keys.", ssh.ssh_config),
    "sslconfig": Command("Set TLS versions and ciphers.", ssl.ssl_config),
    "status": Command("Show how the gateway is.", operation.status_short),
    "status detail": Command("Show how the gateway is, with everything.", operation.status_detail),
    "suspend": Command("Neither take nor deliver mail.", suspending.suspend),
    "suspenddel": Command("Keep the mail of domains in the queue.", suspending.suspend_deliveries),
    "suspendlistener": Command("Refuse connections on listeners.", suspending.suspend_listeners),
    "tail": Command("Show the end of a log.", log_search.tail),
    "tlsrptconfig": Command("Set TLS reports.", tls_reports.tls_report_config),
    "tlsverify": Command("Test the TLS of a destination.", tracing.tls_verify),
    "tophosts": Command("List the destinations with the most mail.", operation.top_hosts),
    "topin": Command("List the clients with the most connections.", operation.top_in),
    "trace": Command("Say what would happen to a client, and why.", tracing.trace),
    "unset": Command("Take a field or section away by its path.", fields.unset_field),
    "userconfig": Command("Set who may operate the gateway.", users.user_config),
    "version": Command("Show which program this is.", operation.version),
    "workqueue": Command("Show how much mail waits.", operation.work_queue),
}

ALIASES: Mapping[str, str] = {"clearchanges": "clear", "statusdetail": "status detail"}
