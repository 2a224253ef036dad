# SPDX-License-Identifier: Apache-2.0
"""The text form of SMTP routes: a domain in each line, and the hosts that take its mail.

    example.com  mx1.example.com, 192.0.2.1:26
    .branch.example  smarthost:inside
    ALL  [2001:db8::1]:25

`ALL` is every other domain, which a configuration writes as ".". Lines that begin with # are
remarks. What is read is checked by the configuration, as from any other file.
"""

from collections.abc import Mapping, Sequence

from gatehouse.config import findings, hat_text, text
from gatehouse.config.findings import Finding

_ALL = "ALL"
_ALL_OTHERS = "."


def format_routes(routes: Mapping[str, Sequence[str]]) -> str:
    """All routes, in their order."""
    lines = [
        f"{_ALL if domain == _ALL_OTHERS else domain}  {', '.join(hosts)}"
        for domain, hosts in routes.items()
    ]
    return "".join(f"{line}\n" for line in lines)


def domain_of(word: str) -> str:
    """The domain as a configuration writes it."""
    return _ALL_OTHERS if word.upper() == _ALL else word


def parse(data: bytes) -> dict[str, list[str]] | tuple[Finding, ...]:
    """Domain to hosts, or all faults with their lines."""
    if len(data) > hat_text.MAX_BYTES:
        return (findings.error((), "the text is too large"),)
    try:
        written = data.decode("utf-8")
    except UnicodeDecodeError as fault:
        return (hat_text.at(data.count(b"\n", 0, fault.start) + 1, "the text is not valid UTF-8"),)
    routes: dict[str, list[str]] = {}
    faults: list[Finding] = []
    for number, line in enumerate(written.split("\n"), 1):
        words = line.replace(",", " ").split()
        if not words or words[0][0] == "#":
            continue
        domain = domain_of(words[0])
        if len(words) == 1:
            hint = "DOMAIN HOST, HOST"
            faults.append(hat_text.at(number, "names no host", hint=hint, found=line.strip()))
        elif domain in routes:
            faults.append(hat_text.at(number, "there is a route for it already", found=words[0]))
        elif len(routes) == text.MAX_KEYS:
            faults.append(hat_text.at(number, f"there are more than {text.MAX_KEYS} routes"))
            break
        if len(faults) >= findings.MAX_FINDINGS:
            break
        routes[domain] = words[1:]
    return tuple(faults[: findings.MAX_FINDINGS]) or routes
