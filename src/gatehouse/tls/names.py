# SPDX-License-Identifier: Apache-2.0
"""Does this certificate belong to that host: the one matcher of names, and its uses.

Rule: RFC 9525. A-labels are compared without regard to ASCII case; a wildcard is the whole
left-most label, stands for exactly one label and has at least two labels behind it; a name with
NUL, a control character or anything else that cannot stand in a host name never matches and is
never shown raw. An invalid name among the presented ones is passed over, the others still count.

`verify` and `hosted_verify` are the appliance's two algorithms for a delivery, `dane_verify` is
that of RFC 7672 for usage 2. Their answer lists every comparison that was made and why it did not
fit. The common name counts only where the algorithm says so.
"""

import enum
import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gatehouse.mail import address
from gatehouse.tls import der
from gatehouse.tls.certificates import bounded

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

MOST_NAMES = 1000  # of one certificate; CAs stop at 100 to 250, an attack has 10,000 and more
_LONGEST_NAME = 253  # RFC 1035 §3.1 in text form
_WILDCARD_REST = 2  # labels behind the asterisk: `*.example` would cover a whole TLD

# Letters, digits, hyphens (RFC 1123 §2.1). The underscore is no host name (RFC 5280 §4.2.1.6).
_HOST_NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9-]{1,63}(?<!-))*", re.ASCII)
_ALL_DIGITS = re.compile(r"[0-9.]+", re.ASCII)  # an address in a dNSName is no host name

_SAN = "2.5.29.17"
_COMMON_NAME = "2.5.4.3"
_DNS_NAME = 0x82  # GeneralName [2], RFC 5280 §4.2.1.6
_IP_ADDRESS = 0x87  # GeneralName [7]
_EXTENSIONS = 0xA3  # TBSCertificate [3]
_TEXT_ENCODINGS = {  # string types of DirectoryString, RFC 5280 §4.1.2.4, and IA5String
    0x0C: "utf-8",
    0x13: "ascii",
    0x16: "ascii",
    0x14: "latin-1",
    0x1E: "utf-16-be",
    0x1C: "utf-32-be",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PresentedNames:
    """What a certificate says about itself; the texts are raw: show them with `shown` only."""

    dns: tuple[str, ...] = ()
    ip: tuple[IPAddress, ...] = ()
    common_name: str | None = None  # the last, most specific one of the subject
    has_alternative_names: bool = False  # the extension is there, whatever it holds
    too_many: bool = False  # names beyond MOST_NAMES were not read


class Misfit(enum.Enum):
    """Why a presented name does not fit a reference name."""

    DIFFERENT = "it is another name"
    NOT_A_HOST_NAME = "it is not a valid host name"
    WILDCARD_TOO_WIDE = "its wildcard has fewer than two labels behind it"
    WILDCARD_ONE_LABEL = "its wildcard stands for exactly one label"
    WILDCARD_PLACE = "its wildcard is not the whole left-most label"
    WILDCARD_NOT_HERE = "a wildcard does not count for this reference"
    REFERENCE_INVALID = "the reference is not a host name"
    COMMON_NAME_IGNORED = "a common name does not count beside alternative names"
    NOT_VERIFIED = "the reverse name is not confirmed by its addresses"


class Source(enum.Enum):
    """Where in the certificate a name stands."""

    ALTERNATIVE_NAME = "SAN"
    COMMON_NAME = "CN"


class Basis(enum.Enum):
    """Which reference identity matched, and so what the match is worth."""

    EMAIL_DOMAIN = "email-domain"  # the recipient's domain: nobody on the way can choose it
    SMTP_ROUTE = "smtp-route"  # the operator wrote the name
    MX_SECURE = "mx-secure"  # from a DNSSEC-validated answer, or listed in an MTA-STS policy
    MX_UNSIGNED = "mx-unsigned"  # who forges the MX answer brings a fitting certificate
    PTR = "ptr"  # who diverts the connection controls the reverse name as well


WEAK = frozenset({Basis.MX_UNSIGNED, Basis.PTR})  # stand against passive listening only


class Algorithm(enum.Enum):
    """The ways to check a server's identity."""

    VERIFY = "verify"
    HOSTED = "hosted-verify"
    DANE = "dane"


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """The names that a delivery may accept."""

    domain: str  # the right side of the recipient
    mx: str | None = None  # the MX host being connected; the domain itself for an implicit MX
    mx_secure: bool = False  # the MX answer was validated, or an MTA-STS policy lists the host
    route: str | None = None  # next-hop name of the SMTP route in force
    ptr: str | None = None  # reverse name of the address
    ptr_confirmed: bool = False  # its A/AAAA records hold the address


@dataclass(frozen=True, slots=True)
class Tried:
    """One comparison that failed; texts are clean for showing."""

    basis: Basis
    reference: str
    source: Source
    presented: str
    why: Misfit


@dataclass(frozen=True, slots=True, kw_only=True)
class NameVerdict:
    """Whether the identity is proven, by which name, and everything that was tried before."""

    algorithm: Algorithm
    basis: Basis | None = None  # None: no match
    source: Source | None = None
    presented: str = ""
    reference: str = ""
    tried: tuple[Tried, ...] = ()

    @property
    def matched(self) -> bool:
        """Whether one of the reference names was found."""
        return self.basis is not None

    @property
    def weak(self) -> bool:
        """Whether the match protects against passive listening only."""
        return self.basis in WEAK


def presented_names(certificate: x509.Certificate) -> PresentedNames:
    """The names in a certificate, read so that one broken name does not hide the others."""
    try:
        return _read_names(certificate.public_bytes(Encoding.DER))
    except der.DerError:
        # No name can be trusted, and the common name must not step in for a broken SAN.
        return PresentedNames(has_alternative_names=True)


def fit(presented: str, reference: str, *, wildcard: bool = True) -> Misfit | None:
    """None when the presented DNS name covers the reference name (RFC 9525 §6.3)."""
    wanted = _canonical_reference(reference)
    if wanted is None:
        return Misfit.REFERENCE_INVALID
    offered = _without_dot(presented)
    if len(offered) > _LONGEST_NAME:
        return Misfit.NOT_A_HOST_NAME
    offered = _ascii_lower(offered)
    if "*" in offered:
        return _fit_wildcard(offered, wanted) if wildcard else Misfit.WILDCARD_NOT_HERE
    if not _is_host_name(offered):
        return Misfit.NOT_A_HOST_NAME
    return None if offered == wanted else Misfit.DIFFERENT


def covers(names: PresentedNames, reference: str) -> bool:
    """Whether the certificate covers a host by RFC 9525: alternative names only."""
    try:
        return ipaddress.ip_address(reference.strip("[]").removeprefix("IPv6:")) in names.ip
    except ValueError:
        return any(fit(each, reference) is None for each in names.dns)


def verify(
    names: PresentedNames, references: References, *, verify_ptr: bool = True
) -> NameVerdict:
    """Verify: SAN covers the domain, or CN covers the domain, or CN is the confirmed PTR name."""
    steps: list[_Step] = [
        _Step(Basis.EMAIL_DOMAIN, references.domain, Source.ALTERNATIVE_NAME, names.dns),
        _Step(Basis.EMAIL_DOMAIN, references.domain, Source.COMMON_NAME, _common(names)),
    ]
    if verify_ptr and references.ptr is not None:
        ptr = _Step(Basis.PTR, references.ptr, Source.COMMON_NAME, _common(names), wildcard=False)
        steps.append(ptr if references.ptr_confirmed else ptr.barred(Misfit.NOT_VERIFIED))
    return _decide(Algorithm.VERIFY, steps)


def hosted_verify(names: PresentedNames, references: References) -> NameVerdict:
    """Hosted Verify: SANs, or the CN when there are none, against domain, then route or MX host."""
    wanted = [(Basis.EMAIL_DOMAIN, references.domain)]
    if references.route is not None:
        wanted.append((Basis.SMTP_ROUTE, references.route))
    elif references.mx is not None:
        secure = Basis.MX_SECURE if references.mx_secure else Basis.MX_UNSIGNED
        wanted.append((secure, references.mx))
    steps: list[_Step] = []
    for basis, reference in wanted:
        if names.dns:
            steps.append(_Step(basis, reference, Source.ALTERNATIVE_NAME, names.dns))
        common = _Step(basis, reference, Source.COMMON_NAME, _common(names))
        steps.append(common.barred(Misfit.COMMON_NAME_IGNORED) if names.dns else common)
    return _decide(Algorithm.HOSTED, steps)


def dane_verify(names: PresentedNames, references: tuple[str, ...]) -> NameVerdict:
    """RFC 7672 §3.2.3: the TLSA base domain, then the others; SANs, or the CN when there are none.

    All of them come from DNSSEC-validated answers, or from the recipient's address.
    """
    steps = []
    for position, reference in enumerate(references):
        basis = Basis.EMAIL_DOMAIN if position else Basis.MX_SECURE
        if names.dns:
            steps.append(_Step(basis, reference, Source.ALTERNATIVE_NAME, names.dns))
        else:
            steps.append(_Step(basis, reference, Source.COMMON_NAME, _common(names)))
    return _decide(Algorithm.DANE, steps)


def shown(name: str) -> str:
    """A presented name for people: printable ASCII only, bounded; the rest becomes `?`."""
    return bounded("".join(c if " " <= c <= "~" else "?" for c in name[:300]), _LONGEST_NAME)


@dataclass(frozen=True, slots=True)
class _Step:
    basis: Basis
    reference: str
    source: Source
    presented: tuple[str, ...]
    wildcard: bool = True
    bar: Misfit | None = None

    def barred(self, why: Misfit) -> "_Step":
        return _Step(self.basis, self.reference, self.source, self.presented, self.wildcard, why)

    def comparisons(self) -> Iterator[tuple[str, Misfit | None]]:
        for each in self.presented:
            yield each, self.bar or fit(each, self.reference, wildcard=self.wildcard)


def _decide(algorithm: Algorithm, steps: Iterable[_Step]) -> NameVerdict:
    tried: list[Tried] = []
    for step in steps:
        for presented, why in step.comparisons():
            if why is None:
                return NameVerdict(
                    algorithm=algorithm,
                    basis=step.basis,
                    source=step.source,
                    presented=shown(presented),
                    reference=shown(step.reference),
                    tried=tuple(tried),
                )
            reference = shown(step.reference)
            tried.append(Tried(step.basis, reference, step.source, shown(presented), why))
    return NameVerdict(algorithm=algorithm, tried=tuple(tried))


def _common(names: PresentedNames) -> tuple[str, ...]:
    return () if names.common_name is None else (names.common_name,)


def _fit_wildcard(offered: str, wanted: str) -> Misfit | None:
    first, _, rest = offered.partition(".")
    if first != "*" or "*" in rest:
        return Misfit.WILDCARD_PLACE
    if not _is_host_name(rest):
        return Misfit.NOT_A_HOST_NAME
    if rest.count(".") + 1 < _WILDCARD_REST:
        return Misfit.WILDCARD_TOO_WIDE
    label, _, wanted_rest = wanted.partition(".")
    if label and wanted_rest == rest:
        return None
    deeper = wanted == rest or wanted.endswith("." + rest)
    return Misfit.WILDCARD_ONE_LABEL if deeper else Misfit.DIFFERENT


def _canonical_reference(reference: str) -> str | None:
    """A-labels in lower case; U-labels of an operator's text are converted (RFC 5891)."""
    if reference.isascii():
        name = _without_dot(reference).lower()
        return name if len(name) <= _LONGEST_NAME and _is_host_name(name) else None
    canonical = address.parse_domain(reference)
    return canonical if canonical is not None and _is_host_name(canonical) else None


def _is_host_name(name: str) -> bool:
    return _HOST_NAME.fullmatch(name) is not None and _ALL_DIGITS.fullmatch(name) is None


def _without_dot(name: str) -> str:
    return name[:-1] if name.endswith(".") else name


def _ascii_lower(name: str) -> str:
    # str.lower() would turn the Kelvin sign U+212A into `k`: names that are not ASCII stay as is,
    # and are then no host names.
    return name.lower() if name.isascii() else name


def _read_names(data: bytes) -> PresentedNames:
    tbs = der.expect(der.element(data).children()[0], der.SEQUENCE).children()
    # version [0] may be absent (v1); then serial, algorithm, issuer, validity, subject
    fields = tbs[1:] if tbs and tbs[0].tag == 0xA0 else tbs
    if len(fields) < 6:
        raise der.DerError("The certificate lacks fields")
    common_name = _last_common_name(fields[4])
    extension = _alternative_names(tbs)
    if extension is None:
        return PresentedNames(common_name=common_name)
    dns: list[str] = []
    ips: list[IPAddress] = []
    count = 0
    for count, name in enumerate(der.element(extension).children(), 1):
        if count > MOST_NAMES:
            break
        if name.tag == _DNS_NAME:
            dns.append(name.content[: _LONGEST_NAME + 3].decode("latin-1"))
        elif name.tag == _IP_ADDRESS and len(name.content) in (4, 16):
            ips.append(ipaddress.ip_address(name.content))
    return PresentedNames(
        dns=tuple(dns),
        ip=tuple(ips),
        common_name=common_name,
        has_alternative_names=True,
        too_many=count > MOST_NAMES,
    )


def _alternative_names(tbs: tuple[der.Element, ...]) -> bytes | None:
    found: list[bytes] = []
    for field in tbs:
        if field.tag != _EXTENSIONS:
            continue
        for extension in der.expect(der.element(field.content), der.SEQUENCE).children():
            parts = extension.children()
            if len(parts) >= 2 and der.dotted(parts[0]) == _SAN:
                found.append(der.expect(parts[-1], der.OCTET_STRING).content)
    if len(found) > 1:
        # RFC 5280 §4.2: an extension occurs once; two may say different things to two readers.
        raise der.DerError("Two subjectAltName extensions")
    return found[0] if found else None


def _last_common_name(subject: der.Element) -> str | None:
    last: str | None = None
    for relative in subject.children():
        for attribute in relative.children():
            parts = attribute.children()
            if len(parts) == 2 and der.dotted(parts[0]) == _COMMON_NAME:
                encoding = _TEXT_ENCODINGS.get(parts[1].tag, "latin-1")
                last = parts[1].content[:1024].decode(encoding, "replace")
    return last
