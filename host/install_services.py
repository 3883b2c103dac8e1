"""The steps up to the point where both services answer: files, user, directories, key, configuration, units."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from host import install_files
from host.config_example import config_example
from host.install_error import InstallError
from host.install_files import Manifest
from host.install_layout import (
    AUDITORS,
    BY_OTHER_STEPS,
    CODE,
    COMMON_PACKAGE,
    CONFIG,
    HOST_PACKAGE,
    KEY,
    METRICS,
    POLICIES,
    RECORDER,
    RESPONDER,
    RUN,
    STATE,
    Content,
    Layout,
)
from host.install_system import System
from recorder.keys import signing_key


class Files:
    """All that is placed as it lies in the sources."""

    def __init__(self, layout: Layout, system: System, manifest: Manifest, contents: Mapping[Path, Content]) -> None:
        self._layout, self._system, self._manifest, self._contents = layout, system, manifest, contents
        self._replaced: dict[Path, Content | None] = {}

    def pending(self) -> list[str]:
        """What differs, the code as one."""
        differing = install_files.differing(self._layout, self._contents)
        gone = self._outdated()
        if changed := self._changed_sources():
            return [f"put right {path}, which was changed since it was placed" for path in changed]
        if self._layout.packaged:
            taken = install_files.taken_over(self._layout, self._manifest)
            leave = [f"leave {len(taken)} files to the packages that have them now"] if taken else []
            return [*leave, *(f"remove {path}" for path in gone)]
        code = [path for path in (*differing, *gone) if path.is_relative_to(CODE)]
        return [
            *([f"bring {CODE} up to date: {len(code)} files"] if code else []),
            *(f"place {path}" for path in differing if path not in code),
            *(f"remove {path}" for path in gone if path not in code),
        ]

    def apply(self) -> list[str]:
        """Place them, and say what had to make way."""
        if changed := self._changed_sources():
            remedy = (
                f"install the packages {COMMON_PACKAGE} and {HOST_PACKAGE} again (apt-get install --reinstall)"
                if self._layout.packaged
                else "run it from the sources, as `python3 sessrec.py host install`"
            )
            raise InstallError(f"{changed[0]} was changed since it was placed, and this runs from there: {remedy}")
        if self._layout.packaged:
            self._leave_to_packages()
            return []
        differing, gone = install_files.differing(self._layout, self._contents), self._outdated()
        for path in (*differing, *gone):
            self._replaced[path] = self._now(path)
        # The services may have been started with what is replaced now, whatever it was.
        self._manifest.running = ""
        saved = install_files.place(self._layout, self._manifest, differing, self._contents)
        install_files.remove(self._layout, self._manifest, gone)
        install_files.write_manifest(self._layout, self._manifest)
        self._system.compile()
        return [f"what was in {path} is kept in {copy}" for path, copy in saved]

    def put_back(self) -> bool:
        """The version that `apply` replaced, in its place again; whether there was one."""
        if self._layout.packaged:
            return self._put_back_packages()
        before = {path: content for path, content in self._replaced.items() if content is not None}
        if not before:
            return False
        install_files.place(self._layout, self._manifest, before, before)
        install_files.remove(
            self._layout, self._manifest, [p for p, content in self._replaced.items() if not content]
        )
        install_files.write_manifest(self._layout, self._manifest)
        self._system.compile()
        return True

    def undo(self) -> list[str]:
        """Remove all of it; whose file had made way has it back."""
        named = dict.fromkeys(Path(name) for name in self._manifest.files)
        # Where the manifest is lost: what is there exactly as it would be placed.
        differing = install_files.differing(self._layout, self._contents)
        named |= dict.fromkeys(path for path in self._contents if path not in differing)
        kept = {*BY_OTHER_STEPS, *self._layout.owned()}
        paths = [path for path in named if path not in kept]
        if not paths:
            return []
        saved = install_files.remove(self._layout, self._manifest, paths)
        return [f"removed {len(paths)} files", *(f"your changes to {path} are in {copy}" for path, copy in saved)]

    def _put_back_packages(self) -> bool:
        """The same from what the scripts of packages have kept. The packages' own lists stay, and tell of it."""
        kept = [path for path in self._layout.before_upgrade.rglob("*") if path.is_file()]
        for path in kept:
            target = self._layout.root.joinpath(*path.relative_to(self._layout.before_upgrade).parts[1:])
            install_files.replace(target, Content(path.read_bytes(), path.stat().st_mode & 0o777))
        if kept:
            self._system.compile()
        return bool(kept)

    def _leave_to_packages(self) -> None:
        """From a checkout to packages: theirs is what they have, and what they do not have goes."""
        for path in install_files.taken_over(self._layout, self._manifest):
            del self._manifest.files[str(path)]
            if str(path) in self._manifest.before:
                self._manifest.before.remove(str(path))
        install_files.remove(self._layout, self._manifest, self._outdated())

    def _changed_sources(self) -> list[str]:
        """Where what is placed is the source as well: files of it that are not as they were placed."""
        if self._layout.packaged:
            return install_files.changed_since_packaged(self._layout)
        if self._layout.source != self._layout.at(CODE):
            return []
        differing = install_files.differs_from_manifest(self._layout) or []
        return [name for name in differing if Path(name).is_relative_to(CODE)]

    def _outdated(self) -> list[Path]:
        outdated = install_files.outdated(self._layout, self._manifest, self._contents)
        return [path for path in outdated if path not in BY_OTHER_STEPS]

    def _now(self, path: Path) -> Content | None:
        target = self._layout.at(path)
        if not target.is_file() or str(path) not in self._manifest.files:
            return None
        return Content(target.read_bytes(), target.stat().st_mode & 0o777)


class Ground:
    """System user, directories, the host's key and an example of a configuration: made once, and then left alone."""

    def __init__(self, layout: Layout, system: System, manifest: Manifest) -> None:
        self._layout, self._system, self._manifest = layout, system, manifest

    def pending(self) -> list[str]:
        """What is not there."""
        missing = [path for path in (RUN / "sessions", STATE / "recordings") if not self._layout.at(path).is_dir()]
        return [
            *([] if self._system.account_exists() else ["make the system user session-recording"]),
            *(f"make {path}" for path in missing),
            *([] if self._layout.at(CONFIG).exists() else [f"place {CONFIG}, with every setting at its default"]),
            *([] if self._layout.at(KEY).exists() else [f"make the host's key, {KEY}"]),
        ]

    def apply(self) -> list[str]:
        """Make it."""
        if not self._system.account_exists():
            self._system.create_account()
        self._system.create_directories()
        if not self._layout.at(CONFIG).exists():
            content = Content(config_example().encode())
            install_files.place(self._layout, self._manifest, [CONFIG], {CONFIG: content})
        if not self._layout.at(KEY).exists():
            signing_key.create(self._layout.at(KEY))
        return []

    def undo(self) -> list[str]:
        """Remove the example, unless somebody has made it his own. Key, recordings and policies stay."""
        self._layout.at(STATE / "last-known.json").unlink(missing_ok=True)
        for path in (STATE / "recordings", RUN / "sessions"):
            self._remove_if_empty(path)
        if not self._layout.at(RUN / "sessions").exists():
            # What sessions that go on do not need: the sockets of the services.
            shutil.rmtree(self._layout.at(RUN), ignore_errors=True)
        if not self._layout.at(CONFIG).exists():
            return []
        if install_files.is_edited(self._layout, self._manifest, CONFIG) or str(CONFIG) not in self._manifest.files:
            return [f"{CONFIG} stays, since it was changed"]
        install_files.remove(self._layout, self._manifest, [CONFIG])
        return []

    def purge(self) -> list[str]:
        """Remove what `undo` leaves: recordings that are files here, key, configuration, policies, system user."""
        gone = [path for path in self._ours() if self._layout.at(path).exists()]
        for path in gone:
            place = self._layout.at(path)
            if place.is_dir():
                shutil.rmtree(place)
            else:
                place.unlink()
        if self._system.account_exists():
            self._system.remove_account()
        return [f"removed {path}" for path in gone]

    def _ours(self) -> list[Path]:
        """Where auditors have their store and page on the same machine, without what is theirs."""
        state = self._layout.at(STATE)
        if not (state / AUDITORS.name).exists():
            return [STATE, CONFIG.parent, RUN]
        return [*(STATE / path.name for path in state.iterdir() if path.name != AUDITORS.name), CONFIG, POLICIES, RUN]

    def _remove_if_empty(self, path: Path) -> None:
        try:
            self._layout.at(path).rmdir()
        except OSError:
            return


class Units:
    """Both services, the responder first, since the recorder asks it."""

    def __init__(self, layout: Layout, system: System, manifest: Manifest, contents: Mapping[Path, Content]) -> None:
        self._layout, self._system, self._manifest = layout, system, manifest
        self._digest = install_files.digest(contents)

    def pending(self) -> list[str]:
        """The units that do not run, or run what was there before."""
        newer = self._manifest.running != self._digest
        return [f"start {unit}" for unit in (RESPONDER, RECORDER) if newer or not self._system.is_up(unit)]

    def apply(self) -> list[str]:
        """Start them anew, and try a login. Sessions go on meanwhile."""
        self._system.take_up_units()
        for unit in (RESPONDER, RECORDER):
            self._system.start(unit)
        if problem := self._system.unanswered():
            raise InstallError(problem)
        self._manifest.running = self._digest
        install_files.write_manifest(self._layout, self._manifest)
        return []

    def undo(self) -> list[str]:
        """Stop them. Sessions that are being recorded are, to their end."""
        stopped = [unit for unit in (METRICS[1], RECORDER, RESPONDER) if self._system.is_enabled(unit)]
        for unit in stopped:
            self._system.stop(unit)
        return [f"stopped {unit}" for unit in stopped]


class Answers:
    """No step of its own, but the condition for those after it: a login would succeed."""

    def __init__(self, system: System) -> None:
        self._system = system

    def pending(self) -> list[str]:
        """What is wrong."""
        problem = self._system.seems_unanswered()
        return [f"put right: {problem}"] if problem else []

    def apply(self) -> list[str]:
        """Give the services time; they run, and nothing has been changed that they could be started for."""
        if problem := self._system.unanswered():
            raise InstallError(problem)
        return []

    def undo(self) -> list[str]:
        """Nothing is to be undone."""
        return []
