// A running session: what it does is heard as it does it, until it ends.

const AGAIN = 1000;
const LATEST = 15000;

export class Live {
  constructor(api, playback, onEnd) {
    this.api = api;
    this.playback = playback;
    this.onEnd = onEnd;
    this.wait = AGAIN;
    this.over = false;
    addEventListener("pagehide", () => this.close());
  }

  async listen() {
    if (this.over) return;
    const { playback } = this;
    // News goes on behind the last message that is there, wherever playback stands.
    if (this.last === undefined) {
      try {
        this.last = playback.final ? playback.last : (await this.api.get("/segments", { t: playback.length })).last;
      } catch {
        setTimeout(() => void this.listen(), AGAIN);
        return;
      }
    }
    const parameters = new URLSearchParams({ after: this.last, ...(playback.typed ? { input: 1 } : {}) });
    const source = new EventSource(`${this.api.base}/live?${parameters}`);
    this.source = source;
    source.addEventListener("news", (event) => {
      const news = JSON.parse(event.data);
      this.last = news.last;
      this.wait = AGAIN;
      void playback.hear(news);
    });
    source.addEventListener("behind", () => {
      source.close();
      void this.catchUp();
    });
    source.addEventListener("ended", (event) => {
      this.over = true;
      source.close();
      void this.finish(JSON.parse(event.data).state);
    });
    source.onerror = () => {
      source.close();
      if (this.over) return;
      setTimeout(() => void this.listen(), this.wait);
      this.wait = Math.min(LATEST, this.wait * 2);
    };
  }

  // What came between is fetched; then news follows on that.
  async catchUp() {
    try {
      let segment;
      do {
        segment = await this.api.get(`/segments/${this.last}`);
        const moved = segment.last > this.last;
        await this.playback.hear({ after: this.last, last: segment.last, length: segment.length, events: segment.events });
        this.last = segment.last;
        if (!moved) break;
      } while (!segment.final);
      this.wait = AGAIN;
    } catch {
      this.wait = Math.min(LATEST, this.wait * 2);
    }
    setTimeout(() => void this.listen(), this.wait / 2);
  }

  async finish(state) {
    const { playback } = this;
    try {
      const segment = await this.api.get(`/segments/${this.last}`);
      await playback.hear({ after: this.last, last: segment.last, length: segment.length, events: segment.events });
    } catch {
      // what is there is there
    }
    playback.live = false;
    playback.following = false;
    playback.say("state");
    this.onEnd(state);
  }

  retype() {
    this.source?.close();
    void this.listen();
  }

  close() {
    this.over = true;
    this.source?.close();
  }
}
