"""A page of HTML that runs nothing, fetches nothing and follows the colours of the reader."""

from html import escape

STYLE = """
:root { color-scheme: light dark; --ground: #fff; --ink: #1b1f24; --soft: #5b6672; --line: #d9dee4; --accent: #1f6fc9; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #14171b; --ink: #e4e7eb; --soft: #9aa5b1; --line: #333a42; --accent: #6cb0ff; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2.5rem 1.25rem 5rem; max-width: 78rem; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", "Liberation Sans", sans-serif; }
h1 { margin: 0; font-size: 1.9rem; } p { margin: 0; color: var(--soft); font-size: .92rem; } code { font-size: .85em; }
"""


def static_page(title: str, about: str, *, main: str, style: str, policy: str) -> str:
    """title, about: plain text. main: HTML. style: CSS after `STYLE`. policy: what may be shown beside the page's own.

    For example "img-src data:" where pictures are in the page itself.
    """
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; {policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>unitdisc: {escape(title)}</title>
<style>{STYLE}{style}</style>
</head>
<body>
<header><h1>{escape(title)}</h1>
<p>{escape(about)}</p></header>
<main>
{main}
</main>
</body>
</html>
"""
