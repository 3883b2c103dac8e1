"""The two lines of PAM's that session recording is known by."""

from pathlib import Path

from host.install_layout import CODE, PAM_HOOK

PAM_LINES = (
    f"session optional pam_env.so readenv=0 conffile={CODE}/sssd_responder/pam_env.conf",
    f"session required pam_exec.so type=open_session seteuid quiet stdout {PAM_HOOK}",
)

REFUSES_ROOT = "with the hook in PAM root cannot use su any more ({}), so it was taken out again"


def has_hook(path: Path) -> bool:
    """Whether a file of PAM's names the hook, in a line that counts."""
    return any(str(PAM_HOOK) in words for words in _lines(path))


def has_lines(path: Path) -> bool:
    """Whether both lines are in a file, as this version has them."""
    return {tuple(line.split()) for line in PAM_LINES} <= set(_lines(path))


def _lines(path: Path) -> list[tuple[str, ...]]:
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return []
    return [tuple(line.partition("#")[0].split()) for line in lines]
