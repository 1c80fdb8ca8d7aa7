// The one door to the server; in an exported page, to what was written beside it.

declare global {
  interface Window {
    /** Answers by their addresses, in a page that was exported. */
    selfsightExport?: Record<string, unknown>;
  }
}

export const exported = window.selfsightExport;

/** What the server answers, or an error with its sentence. */
export async function get<T>(path: string): Promise<T> {
  if (exported) {
    const answer = exported[path.replace(/\?.*$/, "")];
    if (answer === undefined) throw new Error("this page was exported without it");
    return answer as T;
  }
  return answerOf<T>(await fetch(path));
}

/** Asks for an act. */
export async function send<T>(path: string, body: unknown): Promise<T> {
  const headers = { "content-type": "application/json" };
  return answerOf<T>(await fetch(path, { method: "POST", headers, body: JSON.stringify(body) }));
}

async function answerOf<T>(response: Response): Promise<T> {
  const text = await response.text();
  const answer = response.headers.get("content-type")?.startsWith("application/json") ? JSON.parse(text) : {};
  if (response.ok) return answer as T;
  throw new Error((answer as { error?: string }).error ?? text.trim() ?? response.statusText);
}

/** The address of a sheet of pictures; `stamp` is another one when it was drawn anew. */
export function sheetAddress(id: string, name: "sample" | "views", stamp: number): string {
  if (exported) return String(exported[`/api/run/${id}/${name}.webp`] ?? "");
  return `/api/run/${id}/${name}.webp?step=${stamp}`;
}

/** A page that nobody looks at lets its stream go: browsers hold six connections to a server, over all of its pages. */
const patienceHiddenMs = 10_000;

/**
 * Hears what a stream says until it is closed. `path` is given the id of the last message; browsers come back by themselves, and where
 * they were, and so does this after a page was hidden.
 */
export function listen(
  path: (lastId: string | undefined) => string,
  hear: Record<string, (data: never) => void>,
  onOpen: () => void = () => {},
): () => void {
  if (exported) return () => {};
  let lastId: string | undefined;
  let source: EventSource | undefined;
  let timer = 0;
  const open = () => {
    source = new EventSource(path(lastId));
    source.addEventListener("open", onOpen);
    for (const [event, handle] of Object.entries(hear))
      source.addEventListener(event, ({ data, lastEventId }: MessageEvent<string>) => {
        lastId = lastEventId || lastId;
        handle(JSON.parse(data) as never);
      });
  };
  const close = () => {
    source?.close();
    source = undefined;
  };
  const look = () => {
    clearTimeout(timer);
    if (document.hidden) timer = setTimeout(close, patienceHiddenMs);
    else if (!source) open();
  };
  document.addEventListener("visibilitychange", look);
  open();
  return () => {
    document.removeEventListener("visibilitychange", look);
    clearTimeout(timer);
    close();
  };
}
