"""What the harness itself promises: an error of the panel's code fails the test that caused it."""

from __future__ import annotations

from tests.browser.lab import Lab

BROKEN = '''
import anywidget


class Broken(anywidget.AnyWidget):
    _esm = """export default { render() { throw new Error("broken on purpose"); } };"""


Broken()
'''


def test_an_error_of_a_widgets_own_code_is_seen(lab: Lab) -> None:
    notebook = lab.open([BROKEN])

    with notebook.page.expect_event("pageerror"):
        notebook.run_and_wait(0)

    assert any("broken on purpose" in error for error in lab.console_errors)
    lab.console_errors.clear()
