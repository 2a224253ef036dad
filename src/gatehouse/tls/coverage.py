# SPDX-License-Identifier: Apache-2.0
"""The three names of verifiable inbound TLS: MX host name, certificate name, interface host name.

A partner that verifies goes by the MX host name, by the name in the greeting, or by both; so the
certificate has to cover both, and both should be one. The system's host name plays no part. An MX
record that leads elsewhere is not this listener's business alone, so it is said and not judged.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gatehouse.tls import names


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreeNames:
    """Which of the three agree at one listener."""

    interface: str  # the interface's host name
    certificate: tuple[str, ...]  # the names in the certificates, as shown
    mx: tuple[str, ...]  # as far as known
    interface_covered: bool
    mx_uncovered: tuple[str, ...]
    mx_elsewhere: tuple[str, ...]  # MX host names that are not the interface's

    @property
    def agree(self) -> bool:
        """Nothing that is known contradicts anything else."""
        return self.interface_covered and not self.mx_uncovered and not self.mx_elsewhere

    def sentences(self) -> tuple[str, ...]:
        """What disagrees, in the operator's words."""
        found = []
        held = ", ".join(self.certificate) or "no usable name"
        if not self.interface_covered:
            found.append(f"certificate ({held}) != interface host name ({self.interface})")
        found += [f"certificate ({held}) != MX host name ({mx})" for mx in self.mx_uncovered]
        found += [
            f"MX host name ({mx}) != interface host name ({self.interface})"
            for mx in self.mx_elsewhere
        ]
        return tuple(found)


def three_names(
    presented: Sequence[names.PresentedNames], *, interface: str, mx: Sequence[str] = ()
) -> ThreeNames:
    """Compare; several certificates of one listener (SNI) count together."""
    hosts = tuple(dict.fromkeys(host.rstrip(".").lower() for host in mx))
    shown = dict.fromkeys(names.shown(name) for one in presented for name in one.dns)

    def covered(host: str) -> bool:
        return any(names.covers(one, host) for one in presented)

    return ThreeNames(
        interface=interface,
        certificate=tuple(shown),
        mx=hosts,
        interface_covered=covered(interface),
        mx_uncovered=tuple(host for host in hosts if not covered(host)),
        mx_elsewhere=tuple(host for host in hosts if host != interface.rstrip(".").lower()),
    )
