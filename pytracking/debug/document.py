"""Pages that need no server, no script and nothing from elsewhere: what they look like."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from html import escape
from pathlib import Path

from ltr.errors import ResultError
from ltr.files import make_folder

STYLE = """
:root { color-scheme: light dark; --ink: #1f2933; --faint: #5c6773;
  --ground: #f6f7f9; --card: #fff; --line: #d9dee4;
  --found: #00875f; --uncertain: #c98a00; --hard: #2f86c8; --lost: #c44f00; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e2e8f0; --faint: #9aa5b1; --ground: #11151a; --card: #1b2129; --line: #303a45;
    --found: #2bb58a; --uncertain: #e69f00; --hard: #56b4e9; --lost: #f0752b; }
}
body { margin: 0 auto; padding: 1.5rem; max-width: 1700px; font: 15px/1.5 system-ui, sans-serif;
  color: var(--ink); background: var(--ground); }
h1 { font-size: 1.4rem; margin: 0 0 .3rem; }
p { color: var(--faint); max-width: 60rem; margin: 0 0 1.2rem; }
figure { margin: 0 0 1.2rem; padding: .7rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 8px; }
figcaption { display: flex; flex-wrap: wrap; gap: .2rem 1.4rem;
  align-items: baseline; margin-bottom: .5rem;
  font-variant-numeric: tabular-nums; }
figcaption a { color: inherit; font-weight: 600; text-decoration: none; }
figcaption b { overflow-wrap: anywhere; }
figcaption span { color: var(--faint); }
.target::before { content: ""; display: inline-block;
  width: .7em; height: .7em; margin-right: .45em;
  border-radius: 50%; background: var(--mark); }
img { display: block; max-width: 100%; height: auto; border-radius: 4px; }
a { color: inherit; }
nav { margin-bottom: 1rem; }
nav a { margin-right: 1rem; font-weight: 600; }
section { margin: 0 0 1.5rem; padding: 1rem; background: var(--card);
  border: 1px solid var(--line); border-radius: 8px; }
section h2 { font-size: 1.1rem; margin: 0 0 .8rem; overflow-wrap: anywhere; }
section figure { margin: 0; padding: 0; border: 0; background: none; }
section figcaption { margin: 0 0 .15rem; font-size: .9rem; }
section .course { margin-bottom: .9rem; }
.chart { display: grid; grid-template: minmax(0, 1fr) / 3rem 1fr; height: 110px; }
.ribbon { height: 34px; }
figcaption span span { margin-right: 1rem; }
.scale { position: relative; font-size: .75rem; color: var(--faint);
  font-variant-numeric: tabular-nums; }
.scale span { position: absolute; right: .5rem; transform: translateY(-50%); }
.chart svg { display: block; width: 100%; height: 100%; overflow: visible;
  border: solid var(--line); border-width: 1px 0; }
.ribbon svg { border-top-width: 0; }
.chart path { fill: none; stroke: var(--mark); stroke-width: 1.6; vector-effect: non-scaling-stroke;
  stroke-linejoin: round; }
.chart path.other { stroke-dasharray: 5 3; opacity: .75; }
.chart path.rule { stroke: var(--line); stroke-width: 1; }
.axis { display: flex; justify-content: space-between; margin: -.6rem 0 .9rem 3rem;
  font-size: .75rem; color: var(--faint); font-variant-numeric: tabular-nums; }
.found { --status: var(--found); } .uncertain { --status: var(--uncertain); }
.hard_negative { --status: var(--hard); } .not_found { --status: var(--lost); }
rect { fill: var(--status); }
figcaption i { display: inline-block; width: .7em; height: .7em; margin-right: .4em;
  border-radius: 2px; background: var(--status); }
.samples { display: grid; grid-template-columns: repeat(auto-fill, minmax(84px, 1fr));
  gap: .7rem .5rem; }
.samples figure i { display: block; height: 4px; margin: 3px 0 1px; border-radius: 2px;
  background: var(--mark); min-width: 2px; }
.samples figcaption { display: block; font-size: .75rem; line-height: 1.3; color: var(--faint); }
.samples figcaption b { color: var(--ink); }
.samples img { width: 100%; aspect-ratio: 1; image-rendering: auto; }
"""


def document(title: str, lead: str, links: Mapping[str, str], body: str) -> str:
    """A page as HTML. lead: its first paragraph; links: file names beside it, and their words."""
    ways = " ".join(
        f'<a href="{escape(file)}">{escape(words)}</a>' for file, words in links.items()
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{title}</h1>\n<p>{lead}</p>\n<nav>{ways}</nav>\n{body}</body>\n</html>\n"
    )


@contextmanager
def written_at_both_ends(folder: Path, write: Callable[[], None]) -> Iterator[None]:
    """Calls `write`, which writes a page into `folder`, before the block, so that a folder that
    cannot be written is told before anything is tracked, and after it, whatever ends it. Raises
    ResultError, but not in place of the block's own error."""
    make_folder(folder)
    write()
    try:
        yield
    except BaseException:
        with suppress(ResultError):
            write()
        raise
    write()
