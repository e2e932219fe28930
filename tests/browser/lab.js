// Put into every page before JupyterLab starts: what the harness asks of the page, in one object.
// `window.jupyterapp` is JupyterLab's application, there because of `--LabApp.expose_app_in_browser`.
window.lab = {
  runs: [],

  /** The panel of an open notebook, or undefined. */
  panel(path) {
    const widgets = window.jupyterapp ? [...window.jupyterapp.shell.widgets("main")] : [];
    return widgets.find((widget) => widget.sessionContext && widget.context?.path === path);
  },

  /** The state of the notebook's kernel, or null while notebook or kernel are not there. */
  kernelStatus(path) {
    const panel = this.panel(path);
    return (panel?.context.isReady && panel.sessionContext.session?.kernel?.status) || null;
  },

  isCurrent(path) {
    return window.jupyterapp.shell.currentWidget === this.panel(path);
  },

  /** Run a command on one cell of the current notebook, as its shortcut would. */
  command(path, index, name) {
    const notebook = this.panel(path).content;
    notebook.deselectAll();
    notebook.activeCellIndex = index;
    return window.jupyterapp.commands.execute(name);
  },

  /** Start a cell; the number returned finds its outcome in `runs` once it has ended. */
  start(path, index) {
    const number = this.runs.push(null) - 1;
    this.command(path, index, "notebook:run-cell").then(
      () => (this.runs[number] = { error: this.error(path, index) }),
      (reason) => (this.runs[number] = { error: String(reason) }),
    );
    return number;
  },

  /** Add a code cell at the end; its index. */
  append(path, source) {
    const cells = this.panel(path).context.model.sharedModel;
    cells.addCell({ cell_type: "code", source });
    return cells.cells.length - 1;
  },

  /** The traceback that a cell shows, or null. */
  error(path, index) {
    const outputs = this.panel(path).content.widgets[index].model.outputs?.toJSON() ?? [];
    const error = outputs.find((output) => output.output_type === "error");
    return error ? [...error.traceback, `${error.ename}: ${error.evalue}`].join("\n") : null;
  },
};
