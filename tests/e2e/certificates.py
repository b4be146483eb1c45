"""Certificates of a test's own, made by the openssl command."""

import subprocess


class Authority:
    def __init__(self, folder, name):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.name = folder, name
        self.certificate, self.key = folder / f"{name}.pem", folder / f"{name}.key"
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                     "-subj", f"/CN={name}", "-keyout", self.key, "-out", self.certificate)

    def openssl(self, *arguments):
        done = subprocess.run(["openssl", *map(str, arguments)], cwd=self.folder, capture_output=True, text=True)
        assert done.returncode == 0, (arguments, done.stderr)

    def issue(self, name, names="", days=1, into=None):
        """A certificate and its key for /CN=name, as NAME.pem and NAME.key; `days` -1 = it is over. Replaced whole."""
        into = into or name
        request, fresh = self.folder / f"{into}.csr", self.folder / f"{into}.new"
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                     "-keyout", self.folder / f"{into}.newkey", "-out", request)
        extensions = self.folder / f"{into}.ext"
        extensions.write_text("basicConstraints=critical,CA:FALSE\n" + (f"subjectAltName={names}\n" if names else ""))
        self.openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial",
                     "-days", days, "-extfile", extensions, "-out", fresh)
        certificate, key = self.folder / f"{into}.pem", self.folder / f"{into}.key"
        (self.folder / f"{into}.newkey").rename(key)
        fresh.rename(certificate)
        return certificate, key
