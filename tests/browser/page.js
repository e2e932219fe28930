// What a front end's widget manager is to anywidget, as small as it can be: a model, its views, and the other end of the
// kernel's comm, which is a socket to the test. Everything else of anywidget is its own.
{
  class Model {
    #handlers = [];

    constructor(state) {
      this.attributes = state;
      this.initialize();
    }
    initialize() {}
    get(key) {
      return this.attributes[key];
    }
    set(key, value) {
      this.attributes[key] = value;
    }
    save_changes() {}
    send(content) {
      if (!host.isLive) throw new Error("the comm is gone");
      host.said.push({ ...content, at: performance.now() });
      say({ method: "custom", content });
    }
    on(name, callback, context) {
      this.#handlers.push({ name, callback, context });
    }
    once(name, callback) {
      this.on(name, callback);
    }
    off(name, callback, context) {
      const isMeant = (given, has) => given === null || given === undefined || given === has;
      this.#handlers = this.#handlers.filter(
        (one) =>
          !(
            isMeant(name, one.name) &&
            isMeant(callback, one.callback) &&
            isMeant(context, one.context)
          ),
      );
    }
    trigger(name, ...what) {
      for (const one of [...this.#handlers]) if (one.name === name) one.callback(...what);
    }
    get listening() {
      return this.#handlers.map(({ name }) => name);
    }
    async _handle_comm_msg({ method, state, content }) {
      if (method === "custom") return this.trigger("msg:custom", content, []);
      Object.assign(this.attributes, state);
      for (const key of Object.keys(state)) this.trigger(`change:${key}`);
    }
  }

  class View {
    constructor(model, el) {
      this.model = model;
      this.el = el;
      this.$el = { empty: () => el.replaceChildren() };
    }
    remove() {
      this.el.remove();
    }
  }

  const { kernel } = document.currentScript.dataset;
  const views = new Map();
  let anywidget, socket;
  // anywidget calls this when it is loaded, the script after this one.
  window.define = (_names, factory) => {
    anywidget = factory({ DOMWidgetModel: Model, DOMWidgetView: View });
    connect();
  };

  const say = (data) => socket.send(JSON.stringify(data));

  window.host = {
    model: null,
    isLive: false,
    /** What the kernel and the page said to each other, custom messages only. */
    heard: [],
    said: [],
    /** What the page's policy refused. */
    refused: [],

    /** Show the widget in one more place. */
    async show(id) {
      const el = Object.assign(document.createElement("div"), { id });
      document.querySelector("main").append(el);
      const view = new anywidget.AnyView(this.model, el);
      views.set(id, view);
      await view.render();
    },
    remove(id) {
      views.get(id).remove();
      views.delete(id);
    },
    /** Cut the connection to the kernel, as when the kernel is restarted. */
    lose() {
      socket.close();
    },
  };

  const gone = () => {
    host.isLive = false;
    host.model?.trigger("comm_live_update"); // JupyterLab's word, which is in no documentation
  };
  const take = async ({ type, data }) => {
    if (type === "comm_close") {
      host.isLive = false;
      for (const id of [...views.keys()]) host.remove(id);
      host.model.trigger("destroy");
    } else if (host.model) {
      if (data.method === "custom") host.heard.push({ ...data.content, at: performance.now() });
      await host.model._handle_comm_msg(data);
    } else if (data.method === "update" && data.state._esm) {
      host.model = new anywidget.AnyModel(data.state);
    }
  };
  const connect = () => {
    let taken = Promise.resolve();
    socket = new WebSocket(kernel);
    socket.onmessage = ({ data }) => {
      taken = taken.then(() => take(JSON.parse(data)));
    };
    socket.onopen = () => {
      host.isLive = true;
      say({ method: "request_state" });
    };
    socket.onclose = gone;
  };

  document.addEventListener("securitypolicyviolation", (event) => {
    host.refused.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`);
  });
}
