r"""The rules of the tokenizer in `ptb_tokenizer`, which decide the span of each token.

They were found from the output of the Stanford PTB tokenizer 3.4.1 for lines made up for the purpose. All words of
up to four letters and 260,000 from a dictionary were tried with a full stop behind them, before small letters,
capitals and numbers, which gave the lists of abbreviations; exhaustive strings over small alphabets gave the patterns.

At each position the rule with the longest match wins, the earlier one among equals. Text that a rule reads beyond its
first group, as lookahead, counts as part of the match: "inc.a" is "inc." and "a", but "inc.ab" is one word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from eval.captions.ptb_characters import DIGITS, LETTERS, MARKS

REACH = 128
"""Maximum lookahead of a rule; without it, a long text without spaces would take quadratic time.

The tokenizer itself has no such bound: an address, number, host or file name that is longer is split here.
"""
_TAG_REACH, _LABELS = 1_000, 32
"""The same for comments and declarations, <!...> and <?...>, and for the number of parts of a host or file name."""

_SPACE = r"[ \t\u00a0\u2000-\u200a\u3000]"
_L = rf"[{LETTERS}{MARKS}\u00ad]"
_NAME = f"[{LETTERS}{MARKS}]"
_D = f"[{DIGITS}]"
_LD = f"[{LETTERS}{DIGITS}]"
_SOFT = f"[{LETTERS}{DIGITS}\u00ad]"
_WORD = rf"{_L}[{LETTERS}{MARKS}{DIGITS}\u00ad]*"
_ASCII = "[A-Za-z0-9]"

# Three families of apostrophe: before 's and the like, inside names and n't, and in listed words.
_CLITIC_MARK = r"(?:['’\u0092]|&apos;)"
_NAME_MARK = r"(?:['’\u0092`‘\u0091]|&apos;)"
_CLITIC = "(?:[sdmSDM]|[lL][lL]|[rR][eE]|[vV][eE])"


def _words(text: str) -> list[str]:
    return text.split()


# These keep their full stop: always, or while a second one ends the sentence. Other single letters behave alike.
TITLES = _words(
    "a adj adm adv alex asst atty ave b brig c capt cf cie cmdr col cpl d dept det dr drs e elec ens f ft g gen gov "
    "govs h hon i insp invt j jos k l lt m maj messrs mfg mlle mme mr mrs ms msgr mt mtg n natl o p pfc ph pres prof "
    "pvt q r rep reps rev s sen sens sfc sgt spc st ste supt t u v vs w wm x y z"
)
ENDINGS = _words(
    "al ala apr ariz assn aug bhd bldg blvd bros calif co colo conn corp cos ct dak dec esq est etc ext feb fla fri "
    "ga inc ind intl jan jr jul jun kan kans ky ltd mar md mich minn mo mon mont neb nev nov oct okla penn plc ppte "
    "ppty pte ptes pty ptys rd rt sep sept seq sq sr sys tel tenn thu tue tues univ va vt wed wis wisc wyo"
)
# These are words in lower case and abbreviations only as "Miss." or "MISS.".
CAPITAL_ENDINGS = _words("Ark Az Del Ill La Mass Miss Ore Pa Tex Wash")
BEFORE_NUMBERS = _words("art ca fig figs no nos op pp prop")
SPLIT_WORDS = {"cannot": 3, "gonna": 3, "gotta": 3, "lemme": 3, "gimme": 3, "wanna": 3}
"""Words that are split after this many letters."""

STARTERS = _words(
    "A About According Additionally After An As At But Earlier He Her Here However If In It Last Many More Now Once "
    "One Other Our She Since So Some Such That The Their Then There These They This We What When While Yet You"
)
"""Words that, after a single letter with a full stop, show that the full stop ends a sentence."""


def _any_of(words: list[str]) -> str:
    return "|".join(sorted(words, key=len, reverse=True))


def _cases(words: list[str]) -> list[str]:
    return [*words, *(word.upper() for word in words)]


_ENDING = f"(?ai:(?:ph|ed)\\.d|{_any_of(ENDINGS)})|{_any_of(_cases(CAPITAL_ENDINGS))}"
_TITLE = f"(?ai:{_any_of(TITLES)})"
_ACRONYM = r"(?:[A-Za-z]\.){2,}"

_HYPHEN = r"[-_\u058a\u2010\u2011]"
_PIECE = f"(?:[dDlLoO]{_NAME_MARK}{_LD})?{_LD}+"
_DOTTED = f"{_WORD}(?:[.!?]{_WORD})*"
_HYPHENATED = f"{_PIECE}(?:{_HYPHEN}{_PIECE})*"
_HYPHENATED_NUMBER = f"{_ASCII}[A-Za-z0-9.,\u00ad]{{0,{REACH}}}(?:-(?:[dDlLoO]{_NAME_MARK}{_LD})?[A-Za-z0-9\u00ad]+)+"
_SLASH_PIECE = "[A-Za-z0-9]+(?:-[A-Za-z]+)*"
_DIGITS = f"{_D}(?:\u00ad?{_D})*"
_NUMBER = f"(?:\u00ad?{_DIGITS})?(?:[.:,\u066b\u066c\u2044]{_DIGITS})+|\u00ad?{_DIGITS}"

_URL_ANY = r"[^ \t\n\f\r\"<>|(){}]"
_URL_LAST = r"[^ \t\n\f\r\"<>|.!?(){},\-]"
_HOST = r"[^ \t\n\f\r\"<>|.!?(){},\u00a0]"
_LABEL = r"[^\x00-\x22$'(),\-./0-9:;<=>?@A-Z\[\\\]^_`{|}\u0085\u2028\u2029!]"
_PATH = f"(?:/{_URL_ANY}+{_URL_LAST})"
_MAIL = r"[^ \t\n\f\r\"<>|(){}\u00a0]"
_MAIL_PART = r"[^ \t\n\f\r\"<>|(){}.\u00a0]"

_TAG_NAME = r"[A-Za-z][A-Za-z0-9_:.\-]*"
_DECLARATION = rf"[!?][A-Za-z\-][^>]{{0,{_TAG_REACH}}}"
_ATTRIBUTE = rf"{_TAG_NAME}(?:[ ]*=[ ]*(?:'[^']*'|\"[^\"]*\"))?"
_EYE = r"[\-^x=~<>']"
_FILE_TYPES = (
    "bat|bmp|c|cgi|class|cpp|dll|docx?|exe|gif|gz|h|html?|jar|java|jpe?g|mov|mp3|pdf|php|pl|png|ppt|ps|py|sql|tar|txt|"
    "wav|x|xml|zip"
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of token."""

    kind: str
    """Name of the kind, which decides how `ptb_tokenizer` prints it."""
    starts: str
    """Characters at which it may begin: L letters, D digits, O all others."""
    pattern: re.Pattern[str]
    """Its pattern; the first matching group, if there are groups, is the token and the rest is lookahead."""


def _rule(kind: str, starts: str, pattern: str) -> Rule:
    return Rule(kind, starts, re.compile(pattern))


RULES = (
    _rule(
        "tag",
        "O",
        rf"<(?:{_TAG_NAME}(?:[ ]+{_ATTRIBUTE})*[ ]*/?|/{_TAG_NAME}[ ]*|[!?][A-Za-z\-][^>]{{0,{_TAG_REACH}}})>",
    ),
    _rule("entity", "O", r"&(?ai:amp|lt|gt|quot|apos|nbsp);"),
    _rule("text", "O", "&#[0-9]+;"),
    _rule("raw", "L", f"(?ai:https?)://{_URL_ANY}+{_URL_LAST}"),
    _rule("raw", "LDO", rf"(?:<|&lt;)?{_ASCII}{_MAIL}{{0,{REACH}}}@(?:{_MAIL_PART}+\.)*{_MAIL_PART}+>?"),
    _rule("text", "O", "@[A-Za-z_][A-Za-z_0-9]*"),
    _rule("raw", "O", f"#{_L}+"),
    *(_rule("text", "L", f"(?ai:({word[:cut]}){word[cut:]})") for word, cut in SPLIT_WORDS.items()),
    _rule("text", "O", "('[tT])(?ai:is|was)"),
    _rule("text", "L", f"([A-Za-z\u00ad]*[A-MO-Za-mo-z]\u00ad*)[nN]{_NAME_MARK}[tT]"),
    _rule("clitic", "L", f"[nN]{_NAME_MARK}[tT]"),
    _rule("text", "L", f"({_WORD}){_CLITIC_MARK}{_CLITIC}"),
    _rule("clitic", "O", f"'{_CLITIC}(?![A-Za-z])|(?:[’\u0092]|&apos;){_CLITIC}"),
    _rule("text", "L", _WORD),
    _rule("text", "O", rf"(?:'|[’\u0092])[2-9]0[sS]|((?:'|[’\u0092])\d\d)(?:{_SPACE}|$)"),
    _rule("text", "D", f"{_D}+{_LD}*"),
    _rule("abbreviation", "L", rf"((?:{_ENDING})\.)(?:[^.A-Za-z0-9][A-Za-z]|[^.])"),
    _rule("text", "L", _DOTTED),
    _rule("raw", "L", rf"(?ai:www)\.(?:{_HOST}+?\.){{1,{_LABELS}}}?[a-zA-Z]{{2,4}}{_PATH}"),
    _rule("raw", "L", rf"(?ai:www)\.(?:{_HOST}+\.){{1,{_LABELS}}}[a-zA-Z]{{2,4}}"),
    _rule("raw", "LO", rf"(?:{_LABEL}{{1,{REACH}}}\.){{1,{_LABELS}}}(?ai:com|net|org|edu){_PATH}?"),
    _rule("text", "LD", rf"((?:{_DOTTED}|{_LD}+|{_HYPHENATED_NUMBER}|{_HYPHENATED})\.)[,;:]"),
    _rule("text", "L", f"[A-HJ-XZdlno]{_NAME_MARK}{_NAME}{{2,}}|{_NAME}+[aeiouyAEIOUY]{_NAME_MARK}[aeiouA-Z]{_NAME}*"),
    _rule("text", "L", f"(?ai:cap{_CLITIC_MARK}n|c'(?:mon|est)|o{_NAME_MARK}o|n?e{_CLITIC_MARK}er)"),
    _rule("text", "L", f"(?ai:(?:nat|li){_CLITIC_MARK}l|(?:dunkin|somethin|ol){_CLITIC_MARK})"),
    _rule("text", "O", f"(?ai:{_CLITIC_MARK}(?:n{_CLITIC_MARK}|em|till?|cause))|('[nN])(?:{_SPACE}|$)|[’\u0092][nN]"),
    _rule("text", "L", f"[dDjJlL]{_CLITIC_MARK}|[yY]{_CLITIC_MARK}(?={_L})"),
    _rule("text", "LD", _HYPHENATED),
    _rule("text", "LD", _HYPHENATED_NUMBER),
    _rule("text", "LD", f"{_ASCII}[A-Za-z0-9.,]{{0,{REACH}}}(?:-{_ASCII}+)*-{_ACRONYM}"),
    _rule("text", "LD", rf"{_SLASH_PIECE}\\?/{_SLASH_PIECE}(?:\\?/{_SLASH_PIECE})?"),
    _rule("text", "LDO", rf"[+\-]?(?:{_NUMBER})"),
    _rule("text", "D", r"\d{1,2}[\-/]\d{1,2}[\-/]\d{2,4}"),
    _rule("spaced", "D", r"(?:\d{1,4}[\- \u00a0])?\d{1,4}[/⁄]\d{1,4}"),
    _rule(
        "spaced",
        "DO",
        r"(?:\(\d{2,3}\)[ \u00a0]?|(?:\+\+?)?\d{2,4}[\- \u00a0](?:\d{2,4}[\-/ \u00a0])?)"
        r"\d{3,4}[\- \u00a0]?\d{3,5}",
    ),
    _rule("text", "L", r"[A-Z]+\$"),
    _rule("text", "L", "[A-Z]+(?:[&+][A-Z]+)+"),
    _rule("acronym", "L", _ACRONYM),
    _rule("raw", "LD", rf"({_SOFT}+(?:\.{_SOFT}+){{0,{_LABELS}}}\.(?ai:{_FILE_TYPES}))[ \t\n!,.?]"),
    _rule("abbreviation", "L", rf"(?:{_ENDING}|{_TITLE})\."),
    _rule("text", "L", rf"((?ai:{_any_of(BEFORE_NUMBERS)})\.)[ \t\n\u00a0]?\d"),
    _rule("smiley", "O", r"[<>]?[:;=][\-o*']?[()DdPpO\\\[\]{@|](?![A-Za-z0-9])"),
    _rule("smiley", "LO", rf"{_EYE}_{_EYE}|\({_EYE}[_.]?{_EYE}\)|\([\^x=~<>']-[\^x=~<>']\)"),
    _rule("text", "LO", r"[CcFf]#|[Cc]\+\+|\\\*"),
    _rule("dash", "O", "-{2,4}|[\u0096\u0097–—―]"),
    _rule("text", "O", "-{5,}"),
    _rule("text", "O", "-(?ai:[lr][rsc]b)-"),
    _rule("ellipsis", "O", r"\.{3,5}|\. ?\. ?\.|…|\u0085"),
    _rule("text", "O", r"[!?]+|<<|>>|\*+|_+|@+|#+|[‚„‟]+|[⁰⁴-⁹₀-₉²³¹]+"),
    _rule("quotes", "O", r"''|[`‘’‚“”„«»‹›‛‟\u0091-\u0094]{1,2}"),
)
"""Every rule, in the order that decides between equals."""
