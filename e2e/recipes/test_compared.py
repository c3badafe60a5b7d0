"""What the old recipes find on a stock nginx, and what the module finds."""

import os
from pathlib import Path

import compared
import pytest
import table

TABLE = Path(__file__).resolve().parents[2] / "docs" / "recipes-compared.md"


@pytest.fixture(scope="module")
def comparison(stores, folder):
    missing = [path for path in compared.STOCK_MODULES if not path.exists()]
    if not compared.STOCK or missing:
        pytest.skip("no nginx of Debian with libnginx-mod-http-set-misc")
    started = compared.Comparison(stores, folder)
    try:
        started.ready()
        yield started
    finally:
        started.stop()


def test_table(comparison):
    """The table in docs/ is what is measured. WRITE_TABLE=1 writes it."""
    measured = table.page(comparison.rows(compared.RECORDS))
    if os.environ.get("WRITE_TABLE"):
        TABLE.write_text(measured)
    assert TABLE.read_text().splitlines() == measured.splitlines()


@pytest.mark.parametrize("records", [compared.RECORDS, *compared.VECTORS], ids=str)
def test_found(comparison, records):
    """The module finds what today's Django has stored, and loses nothing that stock nginx finds."""
    for recipe, measured in comparison.rows(records):
        assert len(measured) > 20
        for record, (published, mended, module) in measured:
            case = recipe.name, record["id"]
            old = record["django"].startswith("1.")
            assert published != "page", case  # Django writes :1: since 1.3
            if not old:
                assert module in ("page", "target", "empty"), case
            elif "page" in (published, mended) and "semicolon" not in record["id"]:
                assert module in ("page", "target"), case


def test_post(comparison):
    """A stock nginx refuses it by itself; the module lets it through."""
    raw = b"POST /plain/ HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n"
    raw += b"X-Prefix: p\r\nX-Namespace: :1:\r\nContent-Length: 1\r\n\r\na"
    for port in comparison.stock_ports["soyrex-prefix"]:
        assert compared.ask(port, raw).status == 405
    for port in comparison.module_ports.values():
        answer = compared.ask(port, raw)
        assert (answer.status, answer.cache) == (200, "BYPASS method")
        assert answer.get("X-From") == "django"
