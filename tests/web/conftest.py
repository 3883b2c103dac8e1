"""One browser, and one server over one library, for all the tests of the page."""

import pytest

from tests.recordings import new_store


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    """Sessions of a small company in a store (tests/web/library.py)."""
    from tests.web.library import furnish

    place = tmp_path_factory.mktemp("library")
    store = new_store(place)
    yield furnish(place / "home", store)
    store.close()


@pytest.fixture(scope="session")
def server(library):
    """`sessrec serve --local` over the library."""
    from tests.web.serving import Server

    server = Server(library.home, library.store)
    yield server
    server.close()


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    """The browser, as it is for all tests; nobody is signed in."""
    from tests.web.browser import Browser, needed

    needed()
    browser = Browser(tmp_path_factory.mktemp("downloads"))
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def signed_in(chromium, server):
    """The browser, signed in at the server."""
    chromium.go(server.address())
    chromium.base = server.base
    return chromium


@pytest.fixture
def browser(signed_in):
    """The browser as each test finds it: signed in, of usual size, light. In the end nothing may stand in its
    console."""
    signed_in.size()
    signed_in.looks("light")
    signed_in.console()
    yield signed_in
    assert signed_in.console() == []
