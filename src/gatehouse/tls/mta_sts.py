# SPDX-License-Identifier: Apache-2.0
"""MTA-STS (RFC 8461): what a domain's DNS record and policy file say, and which MX hosts fit.

A domain says in a TXT record that it has a policy, and in a file behind HTTPS what it is: which MX
hosts are its own, and whether mail may go elsewhere or without verified TLS. The record only names
a version of the file; what counts is the file, which an attacker on the way cannot forge.

Pure: the texts of DNS answers and the octets of the file come as arguments. Everything that a
stranger's file can hold is bounded here.
"""

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass

RECORD_LABEL = "_mta-sts"  # §3.1
POLICY_HOST_LABEL = "mta-sts"  # §3.3
POLICY_PATH = "/.well-known/mta-sts.txt"  # §3.3

MAX_POLICY_OCTETS = 65_536  # §3.2 leaves the bound to us and names 64 kilobytes as an example
MAX_AGE_SECONDS = 31_557_600  # §3.2: about a year
MAX_PATTERNS = 1000  # our own; the largest public policies list some dozens of hosts
_MAX_RECORD_CHARACTERS = 4096  # our own; real records have some 30
_MAX_LINES = 4096  # our own; more pairs than this in 64 KiB is nobody's policy


class StsWord(enum.Enum):
    """Why a domain's policy could not be had: result types of RFC 8460 §4.3.2."""

    FETCH_ERROR = "sts-policy-fetch-error"  # DNS, connection, HTTP status, size, time
    INVALID = "sts-policy-invalid"  # the file came and says nothing that can be applied
    WEBPKI_INVALID = "sts-webpki-invalid"  # the policy host's certificate does not verify


class StsMode(enum.Enum):
    """What a policy asks of senders (§5)."""

    ENFORCE = "enforce"  # never to a host that does not fit or does not verify
    TESTING = "testing"  # deliver as ever, and report what would have failed
    NONE = "none"  # the domain takes its policy back


@dataclass(frozen=True, slots=True)
class StsRecord:
    """The TXT record at `_mta-sts.DOMAIN`; `id` changes when the policy does."""

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StsPolicy:
    """A policy file. `mx` holds A-labels in lower case, `max_age` is in seconds.

    `lines` is the file as it goes into reports (RFC 8460 §4.4, policy-string).
    """

    mode: StsMode
    mx: tuple[str, ...]
    max_age: int
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StsFault:
    """What is wrong with a policy or its host; `reason` in words for an operator."""

    word: StsWord
    reason: str


# --- the record (§3.1) ----------------------------------------------------------------------------

_OURS = re.compile(r"v=STSv1[ \t]*(;|$)")
_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}"
_RECORD_FIELD = re.compile(_NAME + r"=[\x21-\x3a\x3c\x3e-\x7e]+")
_RECORD_ID = re.compile(r"id=([A-Za-z0-9]{1,32})")


def parse_record(texts: Sequence[str]) -> StsRecord | None:
    """The one valid record among the TXT texts of `_mta-sts.DOMAIN`; None when there is not one.

    Each text is a whole record, its strings joined. Two records that both claim to be ours are as
    good as none (§3.1): which one would an attacker have added?
    """
    ours = [text for text in texts if _OURS.match(text)]
    if len(ours) != 1 or len(ours[0]) > _MAX_RECORD_CHARACTERS:
        return None
    fields = [field.strip(" \t") for field in ours[0].split(";")]
    if fields[-1] == "":  # one delimiter may stand at the end
        del fields[-1]
    found: str | None = None
    for field in fields[1:]:
        if _RECORD_FIELD.fullmatch(field) is None:
            return None
        if field.startswith("id=") and found is None:
            match = _RECORD_ID.fullmatch(field)
            if match is None:
                return None
            found = match[1]
    return None if found is None else StsRecord(found)


# --- the policy (§3.2) ----------------------------------------------------------------------------

# Erratum 6253: the last line may end or not; lines end with LF or CRLF. A bare CR is no line end.
_LINE_END = re.compile(r"\r?\n")
_PAIR = re.compile(r"(" + _NAME + r"):[ \t]*([\x21-\x7e\x80-\U0010ffff][^\x00-\x1f\x7f]*)")
_LABEL = r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?"
_PATTERN = re.compile(r"(?:\*\.)?" + _LABEL + r"(?:\." + _LABEL + r")*")
_MAX_HOST = 253  # RFC 1035 §2.3.4, written without the final dot


def parse_policy(content: bytes) -> StsPolicy | StsFault:
    """Read a policy file; unknown keys are ignored, of repeated keys but `mx` the first counts."""
    if len(content) > MAX_POLICY_OCTETS:
        return _invalid(f"the policy is larger than {MAX_POLICY_OCTETS} octets")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return _invalid("the policy is not UTF-8")
    lines = [line.rstrip(" \t") for line in _LINE_END.split(text)]
    if len(lines) > _MAX_LINES:
        return _invalid(f"the policy has more than {_MAX_LINES} lines")
    # The grammar knows no empty lines; editors do, and without the policy mail would be weaker.
    lines = [line for line in lines if line]
    first: dict[str, str] = {}
    patterns: list[str] = []
    for number, line in enumerate(lines, 1):
        pair = _PAIR.fullmatch(line)
        if pair is None:
            return _invalid(f"entry {number} is no pair of key and value")
        if pair[1] == "mx":
            patterns.append(pair[2].lower())
        else:
            first.setdefault(pair[1], pair[2])
    return _judge(first, tuple(dict.fromkeys(patterns)), tuple(lines))


def _judge(
    first: dict[str, str], patterns: tuple[str, ...], lines: tuple[str, ...]
) -> StsPolicy | StsFault:
    if first.get("version") != "STSv1":
        return _invalid("the version is not STSv1")
    try:
        mode = StsMode(first.get("mode", ""))
    except ValueError:
        return _invalid("the mode is not one of enforce, testing, none")
    age = first.get("max_age", "")
    if not (age.isascii() and age.isdigit() and len(age) <= 10):  # §3.2: 1*10(DIGIT)
        return _invalid("max_age is missing or no number of seconds")
    if len(patterns) > MAX_PATTERNS:
        return _invalid(f"there are more than {MAX_PATTERNS} mx patterns")
    if not all(len(one) <= _MAX_HOST and _PATTERN.fullmatch(one) for one in patterns):
        return _invalid("an mx pattern is no host name")
    if not patterns and mode is not StsMode.NONE:
        return _invalid("there is no mx pattern")
    return StsPolicy(mode=mode, mx=patterns, max_age=min(int(age), MAX_AGE_SECONDS), lines=lines)


def _invalid(reason: str) -> StsFault:
    return StsFault(StsWord.INVALID, reason)


def mx_fits(policy: StsPolicy, host: str) -> bool:
    """Whether an MX host is one of the policy's (§4.1).

    `host` in A-labels. `*.` stands for exactly one label, the left-most.
    """
    name = host.lower().rstrip(".")
    _, dot, parent = name.partition(".")
    return name in policy.mx or bool(dot and f"*.{parent}" in policy.mx)
