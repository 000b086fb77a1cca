# SPDX-License-Identifier: GPL-2.0-only
"""Variants: the same lab with other names, other orders of arguments and other addresses, for a course that is held again.

	tools/python -m grader.variant apply SEED LAB FOLDER	a work copy is made one of a variant (tools/lab)
	tools/python -m grader.variant flags SEED LAB		what the compiler is told of a reader's file (labs/rules.mk)
	tools/python -m grader.variant load SEED LAB		LOAD_PHYSICAL_ADDR (Makefile); nothing where it has to stay
	tools/python -m grader.variant bug SEED 7 NUMBER	which fault stands behind a BUG= (labs/lab7/lab.mk)
	tools/python -m grader.variant said SEED LAB		what comes in goes out with the variant's names (tools/lab)

All of it follows from the seed, which is a word. A function of src/ that is in one of the lab's files has a name of the
variant's there, and its arguments come in another order. To the compiler these are macros for the true ones, so that the
rest of the kernel, and the grader, know nothing of it. What has the names of src/, or of another variant, is refused.
"""

import glob
import os
import random
import re
import sys

from .ownwork import NotOwn

WORDS = ("amber birch cedar delta ember fjord garnet hazel indigo juniper kestrel linden maple nectar onyx poplar quartz raven "
         "sable tulip umber violet walnut zephyr").split()
PAGE = 4096
FIRST_LOAD, LOADS = 0x104000, 96  # below what stage 5's unpacker needs
LABS_AT_HOME = ("10", "11")  # stage 6 has an address of its own
LAST_BUG = 6  # of lab 7: it asks for more than the others, and stays the last
SEED = re.compile(r"[A-Za-z0-9_-]{1,40}")

DEFINED = re.compile(r"^(static )?(?!//)\w[\w \t*]*?\b(\w+)\(([^;{}()]*)\)\n\{", re.M)  # a C function, as this tree is written
LABEL = re.compile(r"^\t\.globl\t(.+)$", re.M)
MARK = re.compile(r"^//! \[.*\]$")
NOT_CODE = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|^[ \t]*#[ \t]*include[^\n]*", re.S | re.M)


class Variant:
    """One seed and one lab."""

    def __init__(self, seed, lab, sources):
        self.seed, self.lab = seed, lab
        chance = random.Random(seed)  # the same for all labs: what was written in one is carried into the next
        self.prefix = f"{chance.choice(WORDS)}{chance.randint(2, 9)}_"
        self.load = None if lab in LABS_AT_HOME else FIRST_LOAD + PAGE * chance.randrange(LOADS)
        self.guest_version = f"{chance.randint(3, 9)}.{chance.randint(10, 99)}"
        self.bugs = chance.sample(range(1, LAST_BUG), LAST_BUG - 1) + [LAST_BUG]
        self.parameters = dict(found for source in sources for found in functions(os.path.join("src", source)))
        self.orders = {name: order(random.Random(f"{seed} {name}"), len(words)) for name, words in self.parameters.items()}

    def name(self, name):
        return self.prefix + name

    # ---- from src/ to the variant -------------------------------------------------

    def text(self, text):
        """A file of src/, or a page, in the variant's words."""
        for name in self.orders:
            text = "\n".join(line if MARK.match(line) else re.sub(rf"\b{name}\b", self.name(name), line) for line in text.split("\n"))
        for name, places in self.orders.items():
            text = reorder(text, self.name(name), places)
        return re.sub(r'(XEN_ELFNOTE_GUEST_VERSION,\s*\.asciz\s*)"[^"]*"', rf'\1"{self.guest_version}"', text)

    def said(self, text):
        """The same for what is said of a kernel: only the names."""
        return re.sub(r"\b(" + "|".join(self.orders) + r")\b", lambda found: self.name(found[1]), text) if self.orders else text

    def page(self, used):
        """What a reader has to know, in front of the lab's page; used are the words of his files."""
        rows = [f"| `{name}({', '.join(words)})` | `{self.name(name)}({', '.join(words[i] for i in self.orders[name])})` |"
                for name, words in self.parameters.items() if self.name(name) in used]
        names = ["Functions have other names here than in `src/` and its headers, and take their arguments in another order. In the debugger",
                 "they have their usual names.", "", "| in `src/` | here |", "|---|---|", *rows, ""] if rows else []
        notes = [f"GUEST_VERSION is \"{self.guest_version}\".", ""] if self.lab == "1" else []
        bugs = ["The kernels come in another order.", ""] if self.lab == "7" else []
        load = [f"LOAD_PHYSICAL_ADDR is {self.load:#x}.", ""] if self.load else []
        return "\n".join([f"# Variant {self.seed}", "", *load, *notes, *bugs, *names, ""])

    def apply(self, folder):
        used, page = set(), os.path.join(folder, "README.md")
        for path in glob.glob(os.path.join(glob.escape(folder), "*.[cS]")):
            used |= set(re.findall(r"\w+", changed(path, self.text)))
        if os.path.exists(page):
            changed(page, lambda text: self.page(used) + self.text(text))
        with open(os.path.join(folder, "variant"), "w", encoding="utf-8") as file:
            file.write(self.seed + "\n")

    # ---- from the variant to src/ ----------------------------------------------------

    def flags(self):
        """For the compiler: each name of the variant's is a macro."""
        for name, places in self.orders.items():
            if places == sorted(places):
                yield f"-D{self.name(name)}={name}"
            else:
                words = [f"a{i}" for i in range(len(places))]
                back = sorted(range(len(places)), key=places.__getitem__)
                yield f"-D'{self.name(name)}({','.join(words)})={name}({','.join(words[i] for i in back)})'"

    def look_at(self, path):
        """Raises NotOwn if a file has a name that is src/'s."""
        with open(path, encoding="utf-8", errors="replace") as file:
            words = set(re.findall(r"\w+", NOT_CODE.sub(" ", file.read())))
        for name in self.orders:
            if name in words:
                raise NotOwn("variant-name", f"{path} has the name {name}: in this variant, {self.seed}, it is {self.name(name)}, which may take its "
                             "arguments in another order. README.md in the work folder has the list.")


def changed(path, change):
    """Changes a file; returns what is in it then."""
    with open(path, encoding="utf-8") as file:
        text = change(file.read())
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return text


def functions(path):
    """(name, names of its parameters) of each function of a file; of a label no parameters are known."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if path.endswith(".S"):
        for line in LABEL.findall(text):
            yield from ((name, []) for name in re.split(r",\s*", line.split("#")[0].strip()))
    else:
        for static, name, given in DEFINED.findall(text):
            if static and "_" not in name:  # a word that may be anything else, too
                continue
            words = [re.findall(r"\w+", one)[-1] for one in given.split(",") if one.strip()]
            yield name, [] if words == ["void"] else words


def order(chance, count):
    """A permutation, of two or more never the one that leaves all as it is."""
    places = list(range(count))
    while count > 1 and places == sorted(places):
        chance.shuffle(places)
    return places


def reorder(text, name, places):
    """Has the arguments of each call, and of the definition, in another order."""
    found = re.search(rf"\b{name}\(", text)
    while found:
        start = found.end()
        given, end = arguments(text, start)
        if len(given) == len(places) > 1:
            inner = ", ".join(re.sub(r"\s+", " ", given[i].strip()) for i in places)
            text = text[:start] + inner + text[end:]
        found = re.compile(rf"\b{name}\(").search(text, start)
    return text


def arguments(text, start):
    """What stands between a ( and its ), in pieces; and where the ) is."""
    depth, pieces, begin = 0, [], start
    for at in range(start, len(text)):
        if text[at] in ")," and depth == 0:
            pieces.append(text[begin:at])
            begin = at + 1
            if text[at] == ")":
                return pieces, at
        depth += (text[at] in "([{") - (text[at] in ")]}")
    return [], start


# ---- which one ------------------------------------------------------------------------


def sources(lab):
    with open(f"labs/lab{lab}/lab.mk", encoding="utf-8") as file:
        return " ".join(re.findall(r"^lab-files\s*:=\s*(.*)$", file.read(), re.M)).split()


def variant_of(lab, work):
    """VARIANT= says which; otherwise what `make lab` has left in the work folder. None if it is none."""
    seed = os.environ.get("VARIANT")
    path = os.path.join(work, "variant")
    if not seed and os.path.isfile(path):
        with open(path, encoding="utf-8", errors="replace") as file:
            seed = file.read(100).strip()
    return Variant(checked(seed), lab, sources(lab)) if seed else None


def checked(seed):
    if not SEED.fullmatch(seed):
        raise NotOwn("variant-seed", f"{ascii(seed)} is not the name of a variant: up to 40 letters, digits, - and _")
    return seed


def main(given):
    what, seed, lab, *rest = given
    try:
        variant = Variant(checked(seed), lab, sources(lab))
    except NotOwn as error:
        print(f"VARIANT: {error.finding.text}", file=sys.stderr)
        return 1
    if what == "apply":
        variant.apply(*rest)
    elif what == "said":
        print(variant.said(sys.stdin.read()), end="")
    else:
        print({"flags": " ".join(variant.flags()), "load": f"{variant.load:#x}" if variant.load else "",
               "bug": variant.bugs[int(rest[0]) - 1] if rest else ""}[what])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
