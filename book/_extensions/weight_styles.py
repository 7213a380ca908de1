"""Cut style sheets to what the pages use, and write them short.

A rule goes only where its selector names a class, an id or an element that occurs in no
page, and in no script as a word: a script may write elements, and give them classes.
What a selector says in brackets, of attributes and of states, is not looked at, so that
a rule stays when in doubt.
"""

import posixpath
import re
from base64 import b64decode
from collections.abc import Iterable, Set
from html import unescape

import tinycss2
from tinycss2 import ast

WITHIN = ("media", "supports", "layer", "container")  # hold rules
FRAMES = re.compile(r"(-\w+-)?keyframes")
TIGHT = re.compile(r"\s*([>,])\s*")  # combinators that need no space
VARIABLE = re.compile(r"--[\w-]+")
FACE = re.compile(r"@font-face\s*\{[^}]*\}")
FAMILY = re.compile(r"font-family:([^;}]*)")
NAMES = re.compile(r"[A-Za-z_][\w-]*")
MARKUP = re.compile(r"""<([A-Za-z][\w-]*)|\s(?:class|id)=(?:"([^"]*)"|'([^']*)')""")
B = "[A-Za-z0-9+/]"  # of base64
HIDDEN = re.compile(rf'\sdata-[\w-]+="((?:{B}{{4}}){{8,}}(?:{B}{{3}}=|{B}{{2}}==)?)"')
PARTS = re.compile(r"(<(script|style)\b[^>]*>)(.*?)(</\2>)", re.DOTALL)


def words(page: str) -> set[str]:
    """What a selector can name in a page: elements, classes, ids, words of scripts.

    What an attribute holds for a script, as text or in base64, counts as well.
    """
    found = set()
    for opening, kind, content, _ in PARTS.findall(page):
        if kind == "script" and "application/json" not in opening:
            found |= said(content)
    hidden = [b64decode(t).decode("utf-8", "ignore") for t in HIDDEN.findall(page)]
    for text in (page, *(unescape(t).replace(r"\"", '"') for t in (page, *hidden))):
        for tag, *values in MARKUP.findall(text):
            found |= {tag.lower(), *" ".join(values).split()}
    return found


def said(script: str) -> set[str]:
    """The words of a script, and parts of them: "tip-start" has "tip" as well."""
    return set(NAMES.findall(script))


def flat(tokens: Iterable[ast.Node]) -> str:
    """Tokens as text without comments, with one space for several."""
    text = "".join(" " if t.type == "comment" else t.serialize() for t in tokens)
    return re.sub(r"\s+", " ", text).strip()


def short(tokens: Iterable[ast.Node]) -> str:
    """A value of a property, without comments within its functions either."""
    return flat(without_comments(list(tokens)))


def without_comments(tokens: list[ast.Node]) -> list[ast.Node]:
    """The same tokens, also within brackets."""
    for token in tokens:
        for name in ("arguments", "content"):
            inner = getattr(token, name, None)
            if isinstance(inner, list):
                inner[:] = without_comments(inner)
    return [token for token in tokens if token.type != "comment"]


def selectors(prelude: list[ast.Node]) -> list[list[ast.Node]]:
    """The selectors of a rule, which commas part."""
    found: list[list[ast.Node]] = [[]]
    for token in prelude:
        if token == ",":
            found.append([])
        else:
            found[-1].append(token)
    return found


def names(selector: list[ast.Node]) -> set[str]:
    """The classes, ids and elements without which a selector matches nothing."""
    found, before = set(), None
    for token in selector:
        if token.type == "hash":
            found.add(token.value)
        elif token.type == "ident" and before != ":":
            found.add(token.value if before == "." else token.value.lower())
        before = token
    return found


def declarations(
    content: list[ast.Node], folder: str = "", asked: Set[str] | None = None
) -> str:
    """What stands between the braces of a rule. `folder` leads to its files.

    Where `asked` is given, variables that are not in it are left out.
    """
    return ";".join(
        f"{d.name}:{short(located(d.value, folder)) or ' '}"
        + ("!important" if d.important else "")
        for d in tinycss2.parse_declaration_list(content, True, True)
        if d.type == "declaration"
        and (asked is None or not d.name.startswith("--") or d.name in asked)
    )


def located(tokens: list[ast.Node], folder: str) -> list[ast.Node]:
    """The tokens, with the addresses of files seen from where the sheet will stand."""
    for token in tokens:
        if token.type == "url":
            place(token, folder)
        elif token.type == "function":
            if token.lower_name == "url":
                place(token.arguments[0], folder)
            located(token.arguments, folder)
    return tokens


def place(token: ast.Node, folder: str) -> None:
    """Put the folder before the address that a token holds."""
    if not re.match(r"[a-z]+:|/|#", token.value):
        path = posixpath.normpath(posixpath.join(folder, token.value))
        token.value, token.representation = (
            path,
            token.representation.replace(token.value, path),
        )


def written(rules: list[ast.Node], used: Set[str] | None, folder: str) -> str:
    """Rules as text; those that no page uses are left out, none if `used` is None."""
    text = []
    for rule in rules:
        if rule.type == "qualified-rule":
            kept = [
                TIGHT.sub(r"\1", flat(selector))
                for selector in selectors(rule.prelude)
                if used is None or names(selector) <= used
            ]
            content = declarations(rule.content, folder) if kept else ""
            text.append(f"{','.join(kept)}{{{content}}}" if content else "")
        elif rule.type == "at-rule":
            text.append(at_rule(rule, used, folder))
        elif rule.type == "error":
            raise ValueError(
                f"a style sheet must be CSS; line {rule.source_line} is not"
            )
    return "".join(text)


def at_rule(rule: ast.AtRule, used: Set[str] | None, folder: str) -> str:
    """A rule such as @media as text, empty if it holds nothing."""
    keyword, start = rule.lower_at_keyword, flat(rule.prelude)
    if keyword == "charset":
        return ""
    if rule.content is None:
        return f"@{rule.at_keyword} {start};"
    if keyword in WITHIN or FRAMES.fullmatch(keyword):
        inner = tinycss2.parse_rule_list(rule.content, True, True)
        content = written(inner, used if keyword in WITHIN else None, folder)
    else:
        content = declarations(rule.content, folder)
    space = " " if start else ""
    return f"@{rule.at_keyword}{space}{start}{{{content}}}" if content else ""


def cut(sheet: str, used: Set[str] | None = None, folder: str = "") -> str:
    """A style sheet without the rules that use none of the words `used`.

    Nothing but comments and spaces goes where `used` is None. Addresses of files are
    relative to `folder`, and are so no more. Raises ValueError for what is no CSS.
    """
    return written(tinycss2.parse_stylesheet(sheet, True, True), used, folder)


def without_idle(sheet: str, other: str = "") -> str:
    """A sheet without fonts, movements and variables that nothing asks for.

    `other` is what else may ask for a variable, as text.
    """
    while True:
        asked = set(VARIABLE.findall(" ".join(re.findall(r"var\([^;}]*", sheet))))
        asked |= set(VARIABLE.findall(other))
        rules = tinycss2.parse_stylesheet(sheet, True, True)
        shorter = idle(rules, asked, sheet)
        if shorter == sheet:
            return sheet
        sheet = shorter


def idle(rules: list[ast.Node], asked: Set[str], sheet: str) -> str:
    """One pass of `without_idle`."""
    text = []
    for rule in rules:
        keyword, start = getattr(rule, "lower_at_keyword", ""), flat(rule.prelude)
        if keyword in WITHIN:
            inner = tinycss2.parse_rule_list(rule.content, True, True)
            content = idle(inner, asked, sheet)
            text.append(f"@{keyword} {start}{{{content}}}" if content else "")
        elif FRAMES.fullmatch(keyword):
            use = rf"animation(-name)?:[^;}}]*(?<![\w-]){re.escape(start)}(?![\w-])"
            text.append(rule.serialize() if re.search(use, sheet) else "")
        elif keyword == "font-face":
            family = FAMILY.search(rule.serialize())[1].strip("\"' ")
            elsewhere = FACE.sub("", sheet)
            text.append(rule.serialize() if family in elsewhere else "")
        elif rule.type == "qualified-rule":
            content = declarations(rule.content, asked=asked)
            text.append(f"{start}{{{content}}}" if content else "")
        else:
            text.append(rule.serialize())
    return "".join(text)
