from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.lab import Lab

COUNTER = '''
import anywidget
import traitlets


class Counter(anywidget.AnyWidget):
    _esm = """
    export default {
      render({ model, el }) {
        const button = document.createElement("button");
        const show = () => (button.textContent = `count ${model.get("count")}`);
        button.style.color = "var(--jp-content-font-color1)";
        button.onclick = () => {
          model.set("count", model.get("count") + 1);
          model.save_changes();
        };
        model.on("change:count", show);
        show();
        el.append(button);
        if (model.get("broken")) throw new Error("broken on purpose");
      },
    };
    """
    count = traitlets.Int(0).tag(sync=True)
    broken = traitlets.Bool(False).tag(sync=True)


counter = Counter()
counter
'''


def test_a_widget_renders_and_follows_the_kernel(lab: Lab) -> None:
    notebook = lab.open([COUNTER, "counter.count = 7"])

    notebook.run_and_wait(0)
    expect(notebook.output(0).get_by_role("button")).to_have_text("count 0")
    notebook.run_and_wait(1)

    expect(notebook.output(0).get_by_role("button")).to_have_text("count 7")


def test_a_click_reaches_the_kernel(lab: Lab) -> None:
    notebook = lab.open([COUNTER])
    notebook.run_and_wait(0)

    notebook.output(0).get_by_role("button").click()
    expect(notebook.output(0).get_by_role("button")).to_have_text("count 1")
    index = notebook.insert_and_run("counter.count")

    expect(notebook.output(index)).to_contain_text("1")


def test_two_views_show_the_same(lab: Lab) -> None:
    notebook = lab.open([COUNTER, "counter.count = 3"])
    notebook.run_and_wait(0)

    view = notebook.new_view_for_output(0)
    notebook.run_and_wait(1)

    expect(notebook.output(0).get_by_role("button")).to_have_text("count 3")
    expect(view.get_by_role("button")).to_have_text("count 3")


def test_a_reload_keeps_the_widget(lab: Lab) -> None:
    notebook = lab.open([COUNTER, "counter.count = 5"])
    notebook.run_and_wait(0)
    notebook.run_and_wait(1)

    notebook.reload()

    expect(notebook.output(0).get_by_role("button")).to_have_text("count 5")


def test_a_restarted_kernel_has_forgotten_the_widget(lab: Lab) -> None:
    notebook = lab.open([COUNTER])
    notebook.run_and_wait(0)

    notebook.restart_kernel()
    index = notebook.insert_and_run("counter", check=False)

    expect(notebook.output(index)).to_contain_text("NameError")


def test_an_interrupt_ends_a_cell(lab: Lab) -> None:
    notebook = lab.open(["import time", "print('begun'); time.sleep(600)"])
    notebook.run_and_wait(0)

    run = notebook.run(1)
    expect(notebook.output(1)).to_contain_text("begun")
    notebook.interrupt()
    notebook.wait_for_run(run, check=False)

    expect(notebook.output(1)).to_contain_text("KeyboardInterrupt")


def test_the_dark_theme_changes_the_colours(lab: Lab) -> None:
    notebook = lab.open([COUNTER])
    notebook.run_and_wait(0)
    button = notebook.output(0).get_by_role("button")

    notebook.set_theme("dark")

    expect(button).to_have_css("color", "rgb(255, 255, 255)")


def test_a_theme_does_not_outlive_its_test(lab: Lab) -> None:
    notebook = lab.open([])

    expect(notebook.page.locator("body")).to_have_attribute("data-jp-theme-light", "true")


def test_an_error_of_the_widgets_own_code_is_seen(lab: Lab) -> None:
    notebook = lab.open([COUNTER.replace("Counter()", "Counter(broken=True)")])

    with notebook.page.expect_event("pageerror"):
        notebook.run_and_wait(0)

    assert any("broken on purpose" in error for error in lab.console_errors)
    lab.console_errors.clear()
