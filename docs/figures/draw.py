"""Draws the figures of the pages as SVG, beside itself: ``python docs/figures/draw.py``.

Boxes and arrows on a light card, so that they can be read on a dark page too. What is drawn solid
is on by default, dashed with ``--few-names``, dotted nowhere by default.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from pathlib import Path

HERE = Path(__file__).resolve().parent
INK, SOFT, LINE = "#1f2a44", "#5b6785", "#8793b2"
FILLS = {"input": "#e8eefc", "part": "#ffffff", "out": "#dff3e8", "off": "#f4f4f6"}
DASHES = {"on": "", "few": "7 4", "off": "2 4"}
FONT = "system-ui, 'Noto Sans', 'Noto Sans JP', 'Noto Sans CJK JP', sans-serif"


@dataclass
class Drawing:
    """An SVG of a fixed size that is put together piece by piece."""

    width: int
    height: int
    title: str
    pieces: list[str] = field(default_factory=list)

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: int = 14,
        colour: str = INK,
        anchor: str = "middle",
        weight: int = 400,
    ) -> None:
        """One line of text whose middle, start or end is at x."""
        self.pieces.append(
            f'<text x="{x:g}" y="{y:g}" font-size="{size}" fill="{colour}" text-anchor="{anchor}" '
            f'font-weight="{weight}">{escape(words)}</text>'
        )

    def box(
        self,
        x: float,
        y: float,
        w: float,
        h: float,
        lines: list[str],
        *,
        kind: str = "part",
        state: str = "on",
    ) -> None:
        """A box: its first line is its name, the others explain it."""
        dash = f' stroke-dasharray="{DASHES[state]}"' if DASHES[state] else ""
        fill = FILLS["off" if state == "off" else kind]
        self.pieces.append(
            f'<rect x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" rx="8" fill="{fill}" '
            f'stroke="{INK}" stroke-width="1.3"{dash}/>'
        )
        top = y + h / 2 - 8.5 * (len(lines) - 1) + 5
        for number, line in enumerate(lines):
            first = number == 0
            self.text(
                x + w / 2,
                top + 17 * number,
                line,
                size=14 if first else 12,
                colour=INK if first else SOFT,
                weight=600 if first else 400,
            )

    def arrow(self, *points: tuple[float, float], state: str = "on") -> None:
        """A line through some points, with a head at its end."""
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        dash = f' stroke-dasharray="{DASHES[state]}"' if DASHES[state] else ""
        self.pieces.append(
            f'<polyline points="{path}" fill="none" stroke="{LINE}" stroke-width="1.8"{dash} '
            'marker-end="url(#head)"/>'
        )

    def svg(self) -> str:
        """The whole file."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
            f'role="img" aria-label="{escape(self.title)}" font-family="{FONT}">\n'
            f"<title>{escape(self.title)}</title>\n"
            '<defs><marker id="head" markerWidth="9" markerHeight="8" refX="8" refY="4" '
            f'orient="auto"><path d="M0,0 L9,4 L0,8 Z" fill="{LINE}"/></marker></defs>\n'
            f'<rect width="{self.width}" height="{self.height}" rx="12" fill="#fbfcff" '
            'stroke="#d5dbea"/>\n'
        )
        return head + "\n".join(self.pieces) + "\n</svg>\n"


def legend(drawing: Drawing, x: float, y: float) -> None:
    """What the outlines mean."""
    for number, (state, words) in enumerate(
        [("on", "on by default"), ("few", "on with --few-names"), ("off", "off: earned nothing")]
    ):
        drawing.box(x + 190 * number, y, 26, 16, [], state=state)
        drawing.text(x + 190 * number + 34, y + 13, words, size=12, colour=SOFT, anchor="start")


def atft_gat_fan() -> Drawing:
    """The sum of parts that gives a name its score."""
    d = Drawing(
        960, 560, "ATFT-GAT-FAN: from features, history, market and peers to one score a horizon"
    )
    d.text(24, 34, "ATFT-GAT-FAN", size=18, weight=700, anchor="start")
    d.text(
        24, 56, "one name in one session; the parts add up", size=13, colour=SOFT, anchor="start"
    )
    d.box(24, 90, 190, 62, ["last session", "all features, as ranks"], kind="input")
    d.box(24, 180, 190, 62, ["history", "two features, 24 sessions"], kind="input")
    d.box(24, 270, 190, 62, ["raw channels", "log price, value, |moves|"], kind="input")
    d.box(24, 360, 190, 62, ["market context", "one value a session"], kind="input")
    d.box(
        24, 450, 190, 62, ["peers of the name", "nearest by co-movement"], kind="input", state="few"
    )
    d.box(268, 180, 150, 62, ["FAN", "frequencies taken out"], state="off")
    d.box(268, 270, 150, 62, ["RevIN", "own mean and spread"])
    d.box(
        474,
        100,
        150,
        232,
        [
            "hidden state",
            "linear maps of each,",
            "added up;",
            "each session and",
            "channel has a",
            "weight of its own",
        ],
    )
    d.box(678, 180, 120, 72, ["trunk", "2 layers of 256"])
    d.box(678, 330, 120, 72, ["GAT", "attention over", "peers, a gate"], state="few")
    d.box(
        474,
        440,
        324,
        66,
        ["linear skip", "linear in features and history;", "market gates turn its signs"],
    )
    d.box(848, 270, 88, 86, ["score", "1, 5, 10, 20", "sessions"], kind="out")
    d.arrow((214, 121), (474, 121))
    d.arrow((214, 211), (268, 211))
    d.arrow((418, 211), (474, 211))
    d.arrow((214, 301), (268, 301))
    d.arrow((418, 301), (474, 301))
    d.arrow((214, 380), (446, 380), (446, 322), (474, 322))
    d.arrow((214, 402), (446, 402), (446, 458), (474, 458))
    d.arrow((120, 512), (120, 532), (834, 532), (834, 388), (798, 388), state="few")
    d.arrow((624, 216), (678, 216))
    d.arrow((738, 252), (738, 330), state="few")
    d.arrow((798, 216), (892, 216), (892, 270))
    d.arrow((798, 350), (820, 350), (820, 330), (848, 330), state="few")
    d.arrow((798, 473), (892, 473), (892, 356))
    legend(d, 400, 40)
    return d


def apex_ranker() -> Drawing:
    """Patches of one name's history."""
    d = Drawing(
        960, 400, "APEX-Ranker: patches of one name's history, related by transformer blocks"
    )
    d.text(24, 34, "APEX-Ranker", size=18, weight=700, anchor="start")
    d.text(
        24,
        56,
        "no name sees another: the control of whatever a graph is said to add",
        size=13,
        colour=SOFT,
        anchor="start",
    )
    d.box(24, 96, 180, 70, ["history", "rank and raw channels", "of one name"], kind="input")
    for number in range(5):
        d.box(238 + 34 * number, 96, 28, 70, [], kind="part")
    d.text(320, 186, "12 patches of 5 sessions, all channels mixed", size=12, colour=SOFT)
    d.box(
        446, 96, 176, 70, ["transformer blocks", "each patch looks at", "all patches of the name"]
    )
    d.box(668, 96, 130, 70, ["readout", "position is kept"])
    d.box(24, 220, 180, 62, ["last session", "all features, as ranks"], kind="input")
    d.box(24, 304, 180, 62, ["market context", "one value a session"], kind="input")
    d.box(446, 220, 352, 62, ["level", "layers on features, market and the history's state"])
    d.box(446, 304, 352, 62, ["linear skip", "features and history; market gates turn signs"])
    d.box(848, 192, 88, 90, ["score", "1, 5, 10, 20", "sessions"], kind="out")
    d.arrow((204, 131), (236, 131))
    d.arrow((404, 131), (446, 131))
    d.arrow((622, 131), (668, 131))
    d.arrow((733, 166), (733, 220))
    d.arrow((204, 251), (446, 251))
    d.arrow((204, 325), (330, 325), (330, 266), (446, 266))
    d.arrow((204, 345), (446, 345))
    d.arrow((798, 244), (848, 244))
    d.arrow((798, 335), (892, 335), (892, 282))
    return d


def clocks() -> Drawing:
    """What is known at each of the two clocks."""
    d = Drawing(960, 250, "What is known at 20:00 and what only in the night before the next open")
    d.text(
        24, 34, "One session, and the night after it (Tokyo)", size=18, weight=700, anchor="start"
    )
    y = 100
    d.arrow((40, y), (925, y))
    marks = [
        (70, "09:00", ["open"]),
        (230, "15:30", ["close: bars,", "indices"]),
        (330, "17:30", ["flash of", "disclosures"]),
        (450, "20:00", ["evening clock:", "the score is made"]),
        (570, "24:30", ["late documents,", "dividends"]),
        (670, "03:00", ["options,", "futures"]),
        (770, "08:30", ["premarket", "clock"]),
        (870, "09:00", ["next open:", "fill, label begins"]),
    ]
    for x, hour, lines in marks:
        clock = "clock" in " ".join(lines)
        colour = "#b3261e" if clock else INK
        d.pieces.append(f'<circle cx="{x}" cy="{y}" r="{7 if clock else 4}" fill="{colour}"/>')
        d.text(x, y - 18, hour, size=14, weight=700, colour=colour)
        for number, line in enumerate(lines):
            d.text(x, y + 28 + 17 * number, line, size=12, colour=colour if clock else SOFT)
    d.box(40, 172, 410, 46, ["known to clock=evening"], kind="input")
    d.box(450, 172, 320, 46, ["added by clock=premarket"], kind="part", state="few")
    d.box(770, 172, 155, 46, ["the future"], kind="part", state="off")
    return d


FIGURES = {"atft_gat_fan": atft_gat_fan, "apex_ranker": apex_ranker, "clocks": clocks}


def main() -> None:
    """Write all of them."""
    for name, draw in FIGURES.items():
        (HERE / f"{name}.svg").write_text(draw().svg(), encoding="utf-8")


if __name__ == "__main__":
    main()
