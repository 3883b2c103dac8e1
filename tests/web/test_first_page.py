"""The page opens with the address that is printed, and with nothing else."""

from tests.recordings import ingested, name_of, new_store, write_recording
from tests.web.sites import client_of, site_of


def test_the_address_that_is_printed_opens_the_list(tmp_path):
    store = new_store(tmp_path)
    write_recording(tmp_path / "a.jsonl", user="alice")
    ingested(store, tmp_path / "a.jsonl")
    site = site_of(name_of(store))
    client = client_of(site, None)
    assert client.get("/sessions").status_code == 401
    address = {"token": site.tokens.give()}
    assert client.head("/sign-in", params=address).status_code == 200  # looks, and does not use it up
    page = client.get("/sign-in", params=address)
    assert page.url.path == "/sessions"
    assert "alice" in page.text
