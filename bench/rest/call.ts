/** The client of every peer: undici's `dispatch`, the leanest that it has, so that servers are measured and not their caller. */
import { Pool } from "undici";
import type { RestClient } from "./suite.ts";

const path = "/v1/orders";

export async function connectRest(
  port: number,
  method: "POST" | "GET",
  connections: number,
): Promise<RestClient> {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections, pipelining: 1, allowH2: false });
  const headers = { accept: "application/json", "content-type": "application/json" };
  return {
    ask: ({ orderId, body }) =>
      new Promise((resolve, reject) => {
        const request =
          method === "POST"
            ? { method, path, headers, body }
            : { method, path: `${path}/${orderId}`, headers: { accept: headers.accept } };
        let status = 0;
        let text = "";
        pool.dispatch(request, {
          onRequestStart() {},
          onResponseStart(_controller, statusCode) {
            status = statusCode;
          },
          onResponseData(_controller, chunk) {
            text += chunk.toString("latin1");
          },
          onResponseEnd() {
            if (status === 200) resolve(text);
            else reject(new Error(`${method} was answered ${status}: ${text.slice(0, 200)}`));
          },
          onResponseError(_controller, error) {
            reject(error);
          },
        });
      }),
    close: () => pool.destroy(),
  };
}
