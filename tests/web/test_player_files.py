"""The terminal of the page comes from npm, and is in every wheel; without it all else works."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from auditor.web.frontend import player_files
from tests.recordings import HERE, ingested, name_of, new_store, write_recording
from tests.web.sites import client_of, site_of

NEEDED = pytest.mark.skipif(not player_files.present(), reason="the player is not there: make setup brings it")


def test_without_npm_one_line_says_what_to_do(tmp_path):
    place = tmp_path / "auditor" / "web" / "frontend"
    shutil.copytree(HERE / "auditor" / "web" / "frontend", place)
    done = subprocess.run(
        [sys.executable, str(place / "player_files.py")],
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "npm is not installed" in done.stderr


def test_the_lock_file_pins_the_version_and_names_no_registry():
    lock = (HERE / "auditor" / "web" / "frontend" / "package-lock.json").read_text()
    assert player_files.pinned() == "3.18.0"
    assert "http" not in lock


@NEEDED
def test_a_wheel_has_the_player_with_its_licence_and_version(tmp_path):
    source = tmp_path / "source"
    for name in ("auditor", "recorder", "bin"):
        shutil.copytree(HERE / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "sessrec.py", "README.md", "LICENSE"):
        shutil.copy(HERE / name, source)
    wheels = tmp_path / "wheels"
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "-w", wheels, source], check=True, capture_output=True, timeout=120)
    (wheel,) = Path(wheels).glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    files = {name.rpartition("/")[2] for name in names if "/static/player/" in name}
    assert files == {"asciinema-player.min.js", "asciinema-player.css", "LICENSE", "VERSION"}
    assert "auditor/web/static/watch/watch.js" in names
    assert "auditor/web/templates/watch.html" in names


def page(tmp_path, path="/watch/r1", **header):
    store = new_store(tmp_path)
    write_recording(tmp_path / "r.jsonl", ["x"], rec="r1", **header)
    ingested(store, tmp_path / "r.jsonl")
    return client_of(site_of(name_of(store))).get(path)


def test_a_server_without_the_player_says_so_on_the_page(tmp_path, monkeypatch):
    monkeypatch.setattr("auditor.web.pages.watch.present", lambda: False)
    assert "The player is missing on this server" in page(tmp_path).text


def test_names_of_strangers_are_text_on_the_page(tmp_path):
    answer = page(tmp_path, user='<script>alert(1)</script>"', host="'><img src=x onerror=alert(1)>")
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    assert "<img" not in answer.text


def test_a_page_to_be_embedded_has_no_header(tmp_path):
    assert "<header" in page(tmp_path).text
    embedded = page(tmp_path / "again", "/watch/r1?embed=1").text
    assert "<header" not in embedded
    assert 'class="watch"' in embedded
