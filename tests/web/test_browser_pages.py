"""Every page in Chromium: without violations of accessibility, without complaints, usable on a phone."""


def test_the_list_is_what_opens(browser):
    browser.go(browser.base)
    browser.see("h1", "Sessions")
    assert "alice" in browser.text("table")
    assert browser.violations() == []
