"""Writes the golden recording and its public key: `python -m tests.golden.make`."""

from recorder.formats.message import Input, Output, Resize
from tests.golden import KEY, RECORDING
from tests.sealing import key_of, messages, sealed

CONTENT = [
    Output(12, b"\x1b[1;32malice@web1\x1b[0m:~$ "),
    Input(900, b"ls \xc3\xa9\r"),
    Output(960, 'ls é\r\n"quoted" \\ \x7f 日本語 \U0001f600 \x85\u2028</script>\r\n'.encode()),
    Resize(2000, 132, 50),
    Output(2400, b"\xff\xfe\x00binary\xf0\x9f"),
    Output(3780, b""),
]


def build():
    """The lines and the key; the same at every call, as Ed25519 signatures hold nothing random."""
    key = key_of("golden")
    return sealed(messages(CONTENT, key), key, sign_every=3), key


if __name__ == "__main__":
    lines, key = build()
    RECORDING.write_bytes(b"".join(lines))
    KEY.write_bytes(key.public.file_text())
