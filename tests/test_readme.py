"""README.md is true: its table of verbs, its links, its pictures."""

import re

from sessrec import VERBS, load
from tests.recorded import ROOT

README = (ROOT / "README.md").read_text()


def test_the_readme_has_every_verb_with_the_line_that_help_has():
    table = re.findall(r"^\| `([\w-]+)` \| (.+) \|$", README, flags=re.MULTILINE)
    assert table == [(verb, load(verb).HELP) for verb in VERBS]


def test_what_the_readme_links_to_is_there():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    here = [link for link in links if not link.startswith("https:")]
    assert "docs/images/play.svg" in here
    assert [link for link in here if not (ROOT / link).is_file()] == []


def test_the_pictures_load_nothing_from_elsewhere():
    for picture in (ROOT / "docs" / "images").glob("*.svg"):
        text = picture.read_text()
        assert "url(http" not in text
        assert "href" not in text
        assert "@import" not in text
