# SPDX-License-Identifier: Apache-2.0
"""A small CA for tests, run with `openssl ca` as an administrator's own would be.

A root signs an intermediate, the intermediate signs requests. Nothing of it is written by our code,
so that what works with it does not work by our own opinion of ourselves.
"""

import subprocess
from pathlib import Path

from tests.patience import PATIENCE

_CONFIG = """\
[ca]
default_ca = {name}
[{name}]
database = {folder}/{name}.index
serial = {folder}/{name}.serial
new_certs_dir = {folder}
certificate = {folder}/{name}.pem
private_key = {folder}/{name}.key
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
organizationName = optional
[server]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth,clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[intermediate]
basicConstraints = critical,CA:true,pathlen:0
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[root]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
"""


def openssl(*arguments: str, given: bytes = b"", status: int | None = 0) -> bytes:
    """Run `openssl`; standard output and error together."""
    done = subprocess.run(
        ["openssl", *arguments],
        input=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=PATIENCE,
        check=False,
    )
    assert status is None or done.returncode == status, (arguments, done.stdout.decode())
    return done.stdout


class Authority:
    """Root and intermediate in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.root, self.intermediate = folder / "root.pem", folder / "issuing.pem"
        for name in ("root", "issuing"):
            (folder / f"{name}.index").touch()
            (folder / f"{name}.serial").write_text("1000\n")
            (folder / f"{name}.cnf").write_text(_CONFIG.format(name=name, folder=folder))
            key = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
            openssl("genpkey", *key, "-out", str(folder / f"{name}.key"))
        self._request("root", "Test Root CA", "-x509", "-days", "900", "-extensions", "root")
        self._request("issuing", "Test Issuing CA", out="issuing.csr")
        self._sign("root", folder / "issuing.csr", self.intermediate, "intermediate", 800)

    def sign(self, request: Path, days: int = 90) -> Path:
        """The signed certificate for a request, without its chain."""
        answer = request.with_suffix(".pem")
        self._sign("issuing", request, answer, "server", days)
        return answer

    def _request(self, name: str, common_name: str, *more: str, out: str = "") -> None:
        place = {one: str(self.folder / f"{name}.{one}") for one in ("cnf", "key", "pem")}
        target = str(self.folder / out) if out else place["pem"]
        base = self.folder / "request.cnf"
        base.write_text(
            f"[req]\ndistinguished_name = dn\n[dn]\n{_CONFIG[_CONFIG.index('[root]') :]}"
        )
        subject = f"/O=Test/CN={common_name}"
        arguments = ["-new", "-config", str(base), "-key", place["key"], "-subj", subject]
        openssl("req", *arguments, *more, "-out", target)

    def _sign(self, by: str, request: Path, answer: Path, extensions: str, days: int) -> None:
        config = ["-config", str(self.folder / f"{by}.cnf"), "-name", by, "-batch", "-notext"]
        more = ["-extensions", extensions, "-days", str(days)]
        openssl("ca", *config, *more, "-in", str(request), "-out", str(answer))
