"""The character set of a session, from the locale variables of its environment.

What a terminal's bytes mean is not in the bytes. The recording holds the bytes exactly, whatever the answer here;
the answer is named in its start event, and a reader decodes with it. The environment is the recorded user's, so
the answer is always one of a closed list: character sets that glibc has locales for and Python a codec.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

UTF_8 = "UTF-8"
"""Also the answer for C and POSIX (ASCII is part of it, and today's terminals speak it in any locale), for
nothing set, and for what is unknown."""


def session_charset(environ: "Mapping[str, str]") -> str:
    """The IANA name, which is a name of Python's codec as well: "UTF-8", "ISO-8859-15", "EUC-JP", …

    The first of LC_ALL, LC_CTYPE and LANG that is set and not empty decides, as POSIX has it.
    """
    locale = environ.get("LC_ALL") or environ.get("LC_CTYPE") or environ.get("LANG") or ""
    name, _, modifier = locale.partition("@")
    name, dot, codeset = name.partition(".")
    if dot:
        return known_charset(codeset)
    if modifier == "euro":
        return "ISO-8859-15"
    return _OF_PLACE.get(name) or _of_language(name.partition("_")[0])


def known_charset(name: str) -> str:
    """The IANA name of a character set that was written in any of the usual ways; "UTF-8" when it is none of them."""
    if len(name) > 40:
        return UTF_8
    # As glibc compares them: letters and digits only, small; digits alone are an ISO standard.
    key = "".join(filter(str.isalnum, name)).lower()
    if key.isdecimal():
        key = "iso" + key
    return _CHARSETS.get(key, UTF_8)


def _of_language(language: str) -> str:
    for charset, languages in _OF_LANGUAGES.items():
        if language in languages.split():
            return charset
    return UTF_8


_NAMES = """
    BIG5 BIG5-HKSCS CP1250 CP1251 CP1252 CP1253 CP1254 CP1255 CP1256 CP1257 CP1258 EUC-JP EUC-KR
    GB18030 GB2312 GBK ISO-8859-1 ISO-8859-2 ISO-8859-3 ISO-8859-4 ISO-8859-5 ISO-8859-6 ISO-8859-7 ISO-8859-8
    ISO-8859-9 ISO-8859-10 ISO-8859-11 ISO-8859-13 ISO-8859-14 ISO-8859-15 ISO-8859-16
    KOI8-R KOI8-T KOI8-U PT154 RK1048 SHIFT_JIS TIS-620 UTF-8
"""
_CHARSETS = {name.replace("-", "").replace("_", "").lower(): name for name in _NAMES.split()}
_CHARSETS.update(
    big5hk="BIG5-HKSCS",
    euccn="GB2312",
    latin1="ISO-8859-1",
    latin2="ISO-8859-2",
    latin9="ISO-8859-15",
    sjis="SHIFT_JIS",
    ujis="EUC-JP",
)

# A locale without a character set has the one that glibc's localedata/SUPPORTED names for it.
_OF_PLACE = {"zh_TW": "BIG5", "zh_HK": "BIG5-HKSCS", "zh_CN": "GB2312", "zh_SG": "GB2312", "ru_UA": "KOI8-U"}
_OF_LANGUAGES = {
    "ISO-8859-1": "aa af br ca da de en es et eu fi fo fr ga gl gv id is it kl kw ms nb nl nn no oc om pt so sq st "
    "sv tl uz wa xh zu",
    "ISO-8859-2": "bs cs hr hsb hu pl ro sk sl",
    "ISO-8859-3": "mt",
    "ISO-8859-5": "mk ru",
    "ISO-8859-6": "ar",
    "ISO-8859-7": "el",
    "ISO-8859-8": "he iw",
    "ISO-8859-9": "ku tr",
    "ISO-8859-10": "lg",
    "ISO-8859-13": "lt lv mi",
    "ISO-8859-14": "cy",
    "ISO-8859-15": "an ast gd mg",
    "CP1251": "be bg",
    "CP1255": "yi",
    "EUC-JP": "ja",
    "EUC-KR": "ko",
    "KOI8-T": "tg",
    "KOI8-U": "uk",
    "PT154": "kk",
    "TIS-620": "th",
}
