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

/** Hears what a stream says until it is closed; browsers come back by themselves, at the place where they were. */
export function listen(path: string, hear: Record<string, (data: never) => void>, onOpen?: () => void): () => void {
  if (exported) return () => {};
  const source = new EventSource(path);
  if (onOpen) source.addEventListener("open", onOpen);
  for (const [event, handle] of Object.entries(hear))
    source.addEventListener(event, (message) => handle(JSON.parse((message as MessageEvent<string>).data) as never));
  return () => source.close();
}
