"""The environment's proxies and certificates: what they stand before, and what is said of those that are of no use."""

from __future__ import annotations

import pytest

from eval.errors import ConfigError
from eval.network import check_all, client_options, is_loopback, ssl_context

PROXIES = ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in (*PROXIES, *(name.lower() for name in PROXIES), "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    ssl_context.cache_clear()
    yield
    ssl_context.cache_clear()


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST.", "a.localhost", "127.0.0.1", "127.8.9.1", "127.1", "::1", "::ffff:127.0.0.1",
             "0.0.0.0"],
)  # fmt: skip
def test_this_machine(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["10.0.0.1", "example.org", "localhost.example.org", "128.0.0.1", "::2", "", "é"])
def test_another_machine(host):
    assert not is_loopback(host)


@pytest.mark.parametrize("variable", ["ALL_PROXY", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "https_proxy"])
@pytest.mark.parametrize("address", ["socks5://127.0.0.1:7890", "socks5h://u:secret@h:1", "socks://h:1/", "ftp://h", "://",
                                     "http://[::1", "socks4://h:1"])  # fmt: skip
@pytest.mark.parametrize("certificates", ["", "/nowhere/cacert.pem"])
def test_nothing_stands_before_a_server_on_this_machine(monkeypatch, variable, address, certificates):
    monkeypatch.setenv(variable, address)
    monkeypatch.setenv("SSL_CERT_FILE", certificates)
    assert client_options("http://127.0.0.1:8000/v1") == {"verify": False, "trust_env": False}


@pytest.mark.parametrize(
    ("variable", "address", "said"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:7890", "ALL_PROXY names a SOCKS proxy, which takes the package socksio: pip"),
        ("https_proxy", "socks5h://u:secret@h:1", "https_proxy names a SOCKS proxy"),
        ("ALL_PROXY", "socks://127.0.0.1:7890/", "ALL_PROXY names a proxy of the kind socks:// that cannot be used"),
        ("HTTP_PROXY", "http://", "HTTP_PROXY names a proxy of the kind http:// that cannot be used"),
        ("HTTP_PROXY", "http://h:99999", "HTTP_PROXY names a proxy that cannot be used"),
    ],
)
def test_a_proxy_that_cannot_be_used(monkeypatch, variable, address, said):
    monkeypatch.setattr("eval.network._has_socks", lambda: False)
    monkeypatch.setenv(variable, address)
    with pytest.raises(ConfigError) as raised:
        client_options("http://judge.example.org/v1")
    assert said in str(raised.value)
    assert f"or unset {variable}, or name its host in NO_PROXY." in str(raised.value)
    assert "secret" not in str(raised.value)
    # A library that sets up every proxy, whichever it needs.
    monkeypatch.setenv("NO_PROXY", "*")
    with pytest.raises(ConfigError, match=f"or unset {variable}\\."):
        check_all()


@pytest.mark.parametrize(
    ("exempt", "host", "is_direct"),
    [
        ("judge.example.org", "judge.example.org", True),
        ("a, .example.org", "judge.example.org", True),
        ("*.example.org", "judge.example.org", True),
        ("example.org:8000", "judge.example.org", True),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("*", "x", True),
        ("e.org", "judge.example.org", False),
        ("11.0.0.0/8", "10.1.2.3", False),
        ("", "x", False),
    ],
)
def test_hosts_without_a_proxy(monkeypatch, exempt, host, is_direct):
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", exempt)
    assert client_options(f"http://{host}/v1")["trust_env"] is not is_direct


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_certificates_that_are_not_there(monkeypatch, variable):
    monkeypatch.setenv(variable, "/nowhere/cacert.pem")
    for makes in (lambda: client_options("https://judge.example.org/v1"), check_all):
        with pytest.raises(ConfigError, match=f"{variable}='/nowhere/cacert.pem' names no f.* correct it or unset it"):
            makes()


def test_certificates_that_are_none(monkeypatch, tmp_path):
    (tmp_path / "c.pem").write_text("no certificate")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "c.pem"))
    with pytest.raises(ConfigError, match=r"SSL_CERT_FILE=.*c\.pem' cannot be read as certificates"):
        client_options("https://judge.example.org/v1")
