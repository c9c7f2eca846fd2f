export interface Notice {
  id: number;
  text: string;
  bad: boolean;
}

const shownFor = 6_000;

/** Short messages at the edge of the window that go by themselves. */
export class Notices {
  list = $state.raw<readonly Notice[]>([]);
  #next = 0;

  say(text: string, bad = false): void {
    const notice = { id: this.#next++, text, bad };
    this.list = [...this.list, notice];
    setTimeout(() => this.dismiss(notice.id), shownFor);
  }

  dismiss(id: number): void {
    this.list = this.list.filter((notice) => notice.id !== id);
  }
}
