// Suspend, resume and terminate, where the viewer may and FreeIPA knows the session.

const INTERVAL = 4000;

export class Control {
  constructor(root, api, confirm) {
    this.api = api;
    this.confirm = confirm;
    this.box = root.querySelector('[data-part="control"]');
    this.state = root.querySelector('[data-part="control-state"]');
    this.told = root.querySelector('[data-part="control-told"]');
    this.buttons = Array.from(root.querySelectorAll("[data-order]"));
    for (const button of this.buttons) {
      button.addEventListener("click", () => void this.order(button.dataset.order));
    }
    this.over = false;
    this.box.hidden = false;
    void this.look();
  }

  async look() {
    clearTimeout(this.timer);
    try {
      const { live, state, wanted, wanted_by: by, orders } = await this.api.get("/control");
      this.state.textContent = wanted && wanted !== state ? `${state}, ${wanted} wanted by ${by}` : state;
      for (const button of this.buttons) button.disabled = !orders.includes(button.dataset.order);
      this.over ||= !live;
    } catch (error) {
      this.state.textContent = error.message;
      for (const button of this.buttons) button.disabled = true;
    }
    if (!this.over) this.timer = setTimeout(() => void this.look(), INTERVAL);
  }

  async order(action) {
    if (action === "terminate" && !(await this.confirm("End this session now?"))) return;
    for (const button of this.buttons) button.disabled = true;
    try {
      this.told.textContent = (await this.api.post("/control", { action })).message;
    } catch (error) {
      this.told.textContent = error.message;
    }
    await this.look();
  }

  end() {
    this.over = true;
    clearTimeout(this.timer);
    this.box.hidden = true;
  }
}
