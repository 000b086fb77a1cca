# SPDX-License-Identifier: GPL-2.0-only
"""A picture of page tables as SVG: black on white, on a ground of its own.

One column for each level, tables by their VA from the top. A table that several
entries lead to has a double frame. Colour marks what changed, grey what is
Xen's; both are written out as well. Boxes stand at whole numbers: not every
Python adds fractions alike.
"""

from html import escape
from math import ceil

from .picture import compose

WIDTH = 900  # of the page; a picture is wider only if what is written in it is
MARGIN, TOP = 24, 64
ROW, GAP, HEAD = 18, 22, 40
NEAR, FAR = 40, 110  # from column to column
CHAR = 6.95  # the width of a character of MONO
MONO = "DejaVu Sans Mono, Menlo, Consolas, monospace"
SANS = "DejaVu Sans, Helvetica, Arial, sans-serif"
INK, SOFT, LINE, MARK, MARK_FILL, XEN_FILL, HEAD_FILL = \
    "#1a1a1a", "#6b6b6b", "#333333", "#c2410c", "#ffe8d1", "#e4e4e4", "#f4f4f4"


ROOT = "CR3: a table of Xen's own"


def draw(guest, before=None, title=""):
    """The text of an SVG file."""
    return Drawing(compose(guest, before, title)).text()


class Drawing:
    """Places the boxes, then draws them and the arrows."""

    def __init__(self, picture):
        self.picture = picture
        self.out = []
        self.widths = self._column_widths()
        gaps = len(self.widths) - 1
        self.width = max(WIDTH, 2 * MARGIN + sum(self.widths) + NEAR * gaps)
        self.gap = min(FAR, (self.width - 2 * MARGIN - sum(self.widths)) // max(1, gaps))
        self.place = {}
        self.bottom = 0
        self._place_all()

    def _column_widths(self):
        """As wide as the longest line in each column."""
        columns = max(box.depth for box in self.picture.boxes) + 1
        widths = [0] * columns
        widths[0] = 20 + ceil(CHAR * len(ROOT)) if self.picture.root else 0
        for box in self.picture.boxes:
            head = f"{box.name}  shared: 0 ways" if box.ways > 1 else box.name
            lines = [head, box.frame, *(words for words, _ in _captions(box)),
                     *(f"{row.label}  {row.what}" for row in box.rows)]
            widths[box.depth] = max(widths[box.depth], 20 + ceil(CHAR * max(map(len, lines))))
        return widths

    def _place_all(self):
        next_y = {}
        for box in sorted(self.picture.boxes, key=lambda b: (b.depth, b.seen_at and int(b.seen_at[0][0], 16))):
            y = next_y.get(box.depth, TOP + (60 if self.picture.root and not box.depth else 0))
            x = MARGIN + sum(self.widths[:box.depth]) + box.depth * self.gap
            self.place[box.key] = (x, y, box)
            next_y[box.depth] = y + self._height(box) + GAP
            self.bottom = max(self.bottom, next_y[box.depth])

    @staticmethod
    def _head(box):
        return HEAD + 15 * len(_captions(box))

    def _height(self, box):
        return self._head(box) + ROW * len(box.rows)

    # ---- primitives ----------------------------------------------------------------

    def _text(self, x, y, words, size=11.5, colour=INK, font=MONO, weight="normal", anchor="start"):
        self.out.append(f'<text x="{x}" y="{y}" font-family="{font}" font-size="{size}" fill="{colour}" '
                        f'font-weight="{weight}" text-anchor="{anchor}">{escape(words)}</text>')

    def _rect(self, x, y, w, h, fill="none", stroke="none", width=1.0, radius=0):
        self.out.append(f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="{radius}" fill="{fill}" '
                        f'stroke="{stroke}" stroke-width="{width}"/>')

    def _arrow(self, x1, y1, x2, y2, changed):
        bend = max(24, abs(x2 - x1) / 2)
        self.out.append(f'<path d="M{x1},{y1} C{x1 + bend},{y1} {x2 - bend},{y2} {x2 - 7},{y2}" fill="none" '
                        f'stroke="{MARK if changed else LINE}" stroke-width="{2.2 if changed else 1.2}" '
                        f'marker-end="url(#{"changed" if changed else "plain"})"/>')

    # ---- the parts ------------------------------------------------------------------

    def text(self):
        for x, y, box in self.place.values():
            self._box(x, y, box)
        self._arrows()
        self._root()
        self._text(MARGIN, 34, self.picture.title, 15, font=SANS, weight="bold")
        self._legend()
        height = self.bottom + 34
        marks = "".join(
            f'<marker id="{name}" viewBox="0 0 8 8" refX="1" refY="4" markerWidth="7" markerHeight="7" '
            f'markerUnits="userSpaceOnUse" orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="{colour}"/></marker>'
            for name, colour in (("plain", LINE), ("changed", MARK)))
        return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width:g}" height="{height}" '
                f'viewBox="0 0 {self.width:g} {height}" role="img">\n<title>{escape(self.picture.title)}</title>\n'
                f'<defs>{marks}</defs>\n'
                f'<rect width="{self.width:g}" height="{height}" rx="6" fill="#ffffff"/>\n'
                + "\n".join(self.out) + "\n</svg>\n")

    def _box(self, x, y, box):
        width, height, head = self.widths[box.depth], self._height(box), self._head(box)
        self._rect(x, y, width, height, "#ffffff", LINE, 1.2, 3)
        self._rect(x + 0.6, y + 0.6, width - 1.2, head - 0.6, HEAD_FILL, radius=2.4)
        if box.ways > 1:
            self._rect(x - 3.5, y - 3.5, width + 7, height + 7, "none", LINE, 1.2, 5)
        self._text(x + 9, y + 17, box.name, 12.5, font=SANS, weight="bold")
        if box.ways > 1:
            self._text(x + width - 9, y + 17, f"shared: {box.ways} ways", 11, font=SANS, anchor="end")
        self._text(x + 9, y + 33, box.frame)
        for line, (words, new) in enumerate(_captions(box)):
            self._text(x + 9, y + 48 + 15 * line, words, colour=MARK if new else SOFT,
                       weight="bold" if new else "normal")
        for number, row in enumerate(box.rows):
            self._row(x, y + head + ROW * number, width, row, box.name.split()[0])

    def _row(self, x, y, width, row, level):
        fill = MARK_FILL if row.changed else XEN_FILL if row.kind == "xen" else "none"
        if row.entries:  # for a script that highlights it, and for screen readers
            first, last = row.entries
            words = escape(f"{level}[{row.label}]: {row.what}{', changed' if row.changed else ''}")
            self.out.append(f'<g data-entries="{first:#x} {last:#x}" aria-label="{words}">')
        self._rect(x + 0.6, y + 0.5, width - 1.2, ROW - 0.5, fill)
        self.out.append(f'<path d="M{x},{y} h{width}" stroke="#c9c9c9" stroke-width="0.8"/>')
        if row.changed:
            self._rect(x, y + 0.5, 4, ROW - 0.5, MARK)
        colour = MARK if row.changed else SOFT if row.kind in ("xen", "empty", "more") else INK
        weight = "bold" if row.changed else "normal"
        self._text(x + 9, y + 13, row.label, colour=colour, weight=weight)
        self._text(x + width - 9, y + 13, row.what, colour=colour, weight=weight, anchor="end")
        if row.entries:
            self.out.append("</g>")

    def _arrows(self):
        arrivals = {}
        arrows = [(x + self.widths[box.depth], y + self._head(box) + ROW * n + ROW / 2, row)
                  for x, y, box in self.place.values() for n, row in enumerate(box.rows) if row.target]
        for x1, y1, row in sorted(arrows, key=lambda a: a[2].changed):
            x2, y2, box = self.place[row.target]
            count = arrivals[row.target] = arrivals.get(row.target, -1) + 1
            room = int(self._height(box) - 20) // 12
            self._arrow(x1, y1, x2 - 3, y2 + 13 + 12 * (count % room), row.changed)

    def _root(self):
        """CR3, and what lies between it and the pgd."""
        if self.picture.root:
            self._rect(MARGIN, TOP - 10, self.widths[0], 40, XEN_FILL, "#9a9a9a", 1, 3)
            self._text(MARGIN + 9, TOP + 6, ROOT, 11.5, SOFT, SANS)
            self._text(MARGIN + 9, TOP + 22, self.picture.root, colour=SOFT)
            x = MARGIN + 26
            self.out.append(f'<path d="M{x},{TOP + 30} V{TOP + 52}" stroke="{LINE}" stroke-width="1.2" '
                            'marker-end="url(#plain)"/>')
        else:
            self._text(MARGIN, TOP - 8, "CR3 leads here:", 11, SOFT, SANS)

    def _legend(self):
        y, x = self.bottom, MARGIN
        words = [("double", "reached by several entries"), ("xen", "Xen's, not the guest's")]
        if self.picture.compared:
            words.insert(0, ("changed", "changed"))
        for kind, label in words:
            if kind == "double":
                self._rect(x + 2, y + 2, 14, 10, "none", LINE, 1)
                self._rect(x, y, 18, 14, "none", LINE, 1, 2)
            else:
                self._rect(x, y, 18, 14, MARK_FILL if kind == "changed" else XEN_FILL, "#9a9a9a", 0.8)
                if kind == "changed":
                    self._rect(x, y, 4, 14, MARK)
            self._text(x + 26, y + 11, label, 11.5, font=SANS)
            x += 40 + 7 * len(label)


def _captions(box):
    """The VAs at which a table's entries take effect, as lines."""
    lines = [(f"VA {va}", new) for va, new in box.seen_at]
    if box.depth == 0:
        return []
    return lines if box.seen == len(lines) else lines[:-1] + [(f"and {box.seen - len(lines) + 1} more", False)]
