from __future__ import annotations

import contextlib
import ssl
from pathlib import Path

import pytest
import trustme

from jupyter_jobs.backend.web.tls import Face, face_of, server_context
from jupyter_jobs.errors import ConfigurationError

NAME = "lab.example.org"


@pytest.fixture(scope="module")
def pems(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate and its key."""
    return issue(tmp_path_factory.mktemp("pems"))


def issue(folder: Path) -> tuple[Path, Path]:
    """Write another certificate and its key to a folder."""
    issued = trustme.CA().issue_cert(NAME)
    certificate, key = folder / "lab.pem", folder / "lab.key"
    put(certificate, issued.cert_chain_pems[0].bytes())
    put(key, issued.private_key_pem.bytes())
    return certificate, key


def put(path: Path, content: bytes) -> None:
    """Replace a file: it is another one by its number, too, however fast that goes."""
    part = path.with_suffix(".part")
    part.write_bytes(content)
    part.chmod(0o600)
    part.replace(path)


def shown(context: ssl.SSLContext, name: str | None) -> str:
    """The certificate that a client is shown who asks for a name, or for none."""
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(back, there, server_hostname=name)
    server = context.wrap_bio(there, back, server_side=True)
    for side in (client, server, client, server):
        with contextlib.suppress(ssl.SSLWantReadError):
            side.do_handshake()
    certificate = client.getpeercert(binary_form=True)
    assert certificate is not None
    return ssl.DER_cert_to_PEM_cert(certificate)


def face(pems: tuple[Path, Path], host: str, *allowed: str) -> Face:
    found = face_of(host, *pems, allowed)
    assert found is not None
    return found


def test_a_server_speaks_tls_1_2_at_least(pems: tuple[Path, Path]) -> None:
    assert server_context(*pems).minimum_version >= ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("name", [NAME, None])
def test_a_certificate_that_was_renewed_is_shown_from_then_on(
    tmp_path: Path, name: str | None
) -> None:
    certificate, key = issue(tmp_path)
    context, first = server_context(certificate, key), certificate.read_text()
    before = shown(context, name)

    issue(tmp_path)
    after = shown(context, name)

    assert before == first
    assert after == certificate.read_text() != first


def test_a_certificate_without_its_key_yet_is_not_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    certificate, key = issue(tmp_path)
    context, first = server_context(certificate, key), certificate.read_text()
    of_first = key.read_bytes()
    issue(tmp_path)
    of_second = key.read_bytes()

    put(key, of_first)
    half = [shown(context, NAME), shown(context, NAME)]
    put(key, of_second)
    whole = shown(context, NAME)

    assert half == [first, first]
    assert whole == certificate.read_text() != first
    assert caplog.text.count("the certificate of before is shown on") == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o620])
def test_a_key_that_others_can_read_is_refused(
    pems: tuple[Path, Path], tmp_path: Path, mode: int
) -> None:
    key = tmp_path / "lab.key"
    key.write_bytes(pems[1].read_bytes())
    key.chmod(mode)

    with pytest.raises(ConfigurationError, match=rf"others can read it: chmod 600 {key}"):
        server_context(pems[0], key)


def test_files_that_are_no_certificate_and_its_key_are_refused(
    pems: tuple[Path, Path], tmp_path: Path
) -> None:
    certificate, key = pems
    other = tmp_path / "other.key"
    trustme.CA().issue_cert(NAME).private_key_pem.write_to_path(other)
    other.chmod(0o600)

    with pytest.raises(ConfigurationError, match="are no certificate and its key"):
        server_context(key, key)
    with pytest.raises(ConfigurationError, match="key values mismatch"):
        server_context(certificate, other)
    with pytest.raises(ConfigurationError, match=r"missing.pem cannot be read: No such file"):
        server_context(tmp_path / "missing.pem", key)
    with pytest.raises(ConfigurationError, match=r"missing.key cannot be read: No such file"):
        server_context(certificate, tmp_path / "missing.key")


def test_without_tls_there_is_loopback_alone() -> None:
    assert face_of("127.0.0.1", None, None, ()) is None
    for host in ("0.0.0.0", "::", "10.1.2.3", NAME, ""):
        with pytest.raises(ConfigurationError, match=r"without TLS.* Give --tls-cert and"):
            face_of(host, None, None, ())


def test_what_goes_together_is_given_together(pems: tuple[Path, Path]) -> None:
    with pytest.raises(ConfigurationError, match="give both"):
        face_of("0.0.0.0", pems[0], None, [NAME])
    with pytest.raises(ConfigurationError, match="on the network: give"):
        face_of("127.0.0.1", None, None, [NAME])


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_a_server_at_every_address_needs_a_name(pems: tuple[Path, Path], host: str) -> None:
    with pytest.raises(ConfigurationError, match="say with --allow-host"):
        face(pems, host)

    assert face(pems, host, "Lab.Example.org", "10.1.2.3").hosts == {NAME, "10.1.2.3"}


@pytest.mark.parametrize("name", ["https://x", "x:8443", "", "a b", "x\x1b[2J", "-x", "*.org"])
def test_a_name_that_is_none_is_refused(pems: tuple[Path, Path], name: str) -> None:
    with pytest.raises(ConfigurationError, match="takes a name or an address"):
        face(pems, "0.0.0.0", name)


def test_its_url_has_the_first_name(pems: tuple[Path, Path]) -> None:
    assert face(pems, "0.0.0.0", NAME, "other").url("https", 8443) == f"https://{NAME}:8443/graphql"
    assert face(pems, "10.1.2.3").url("wss", 8443) == "wss://10.1.2.3:8443/graphql"
    assert face(pems, "fd00::1").url("https", 8443) == "https://[fd00::1]:8443/graphql"
