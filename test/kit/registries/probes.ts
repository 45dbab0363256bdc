/** Questions to servers, each of which is answered within seconds or not at all. */
import { connect } from "node:net";
import { text } from "node:stream/consumers";

const DEADLINE_MS = 5000;

/** The JSON of an answer to GET, or to POST (or another method) when there is a body. Rejects for any other status than 2xx. */
export async function fetchJson<T>(url: string, body?: object, method = "POST"): Promise<T> {
  const posted = body === undefined ? {} : { method, body: JSON.stringify(body) };
  const response = await fetch(url, {
    ...posted,
    headers: {
      accept: "application/json",
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    signal: AbortSignal.timeout(DEADLINE_MS),
  });
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}

/** What a server answers to a word before it closes the connection. */
export async function askInWords(address: string, question: string): Promise<string> {
  const [host = "", port = ""] = address.split(":");
  const socket = connect({ host, port: Number(port) });
  socket.setTimeout(DEADLINE_MS, () => socket.destroy(new Error(`${address} did not answer`)));
  socket.write(question);
  return await text(socket);
}
