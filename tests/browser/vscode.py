"""What VS Code's notebook brings into the frame that shows a widget: its theme, as attributes and variables."""

from __future__ import annotations

from playwright.sync_api import Page

__all__ = ["THEMES", "dress"]

# The colours of VS Code's "Light Modern", "Dark Modern" and "Dark High Contrast" that a panel may ask for. The high
# contrast themes leave out what has no border or no colour of its own.
THEMES = {
    "vscode-light": {
        "editor-background": "#ffffff",
        "foreground": "#3b3b3b",
        "descriptionForeground": "#3b3b3b",
        "panel-border": "#e5e5e5",
        "focusBorder": "#005fb8",
        "charts-blue": "#0063d3",
        "charts-yellow": "#bf8803",
        "charts-green": "#388a34",
        "charts-red": "#e51400",
        "font-family": "system-ui",
        "editor-font-family": "monospace",
    },
    "vscode-dark": {
        "editor-background": "#1f1f1f",
        "foreground": "#cccccc",
        "descriptionForeground": "#9d9d9d",
        "panel-border": "#2b2b2b",
        "focusBorder": "#0078d4",
        "charts-blue": "#59a4f9",
        "charts-yellow": "#cca700",
        "charts-green": "#89d185",
        "charts-red": "#f14c4c",
        "font-family": "system-ui",
        "editor-font-family": "monospace",
    },
    "vscode-high-contrast": {
        "editor-background": "#000000",
        "foreground": "#ffffff",
        "descriptionForeground": "rgba(255, 255, 255, 0.7)",
        "panel-border": "#6fc3df",
        "focusBorder": "#f38518",
        "contrastBorder": "#6fc3df",
        "charts-blue": "#59a4f9",
        "charts-yellow": "#cca700",
        "charts-green": "#89d185",
        "charts-red": "#f48771",
        "font-family": "system-ui",
        "editor-font-family": "monospace",
    },
}

DRESS = """([kind, colours]) => {
  document.body.dataset.vscodeThemeKind = kind;
  document.body.className = kind;
  const { style } = document.documentElement;
  for (const [name, colour] of Object.entries(colours)) style.setProperty(`--vscode-${name}`, colour);
  document.body.style.background = "var(--vscode-editor-background)";
}"""


def dress(page: Page, theme: str) -> None:
    """Give a page one of VS Code's themes, or another than it had."""
    page.evaluate(DRESS, [theme, THEMES[theme]])
