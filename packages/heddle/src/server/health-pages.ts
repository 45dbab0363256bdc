/**
 * Two pages for probes that speak plain HTTP, under the names that Kubernetes gives its own: `/livez` says that the process
 * answers, `/readyz` whether it wants calls. A process that is not ready must not be restarted for it, so the first says
 * nothing of the second.
 */
import type { ServerState } from "../health/server-state.ts";
import type { HttpPage } from "./http-page.ts";

export function healthPages(state: ServerState): readonly HttpPage[] {
  return [
    { path: "/livez", answer: () => text(200, "alive") },
    {
      path: "/readyz",
      answer: () => {
        const { phase, reason } = state;
        const isReady = state.statusOf("") === "serving";
        if (isReady) return text(200, "ready");
        return text(503, phase === "ready" ? "none of its services serves" : `${phase}: ${reason}`);
      },
    },
  ];
}

function text(status: number, sentence: string) {
  return { status, contentType: "text/plain; charset=utf-8", body: `${sentence}\n` };
}
