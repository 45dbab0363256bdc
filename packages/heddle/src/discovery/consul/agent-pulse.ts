/**
 * Whether an agent lives, while it holds back the answers of blocking queries: a frozen one looks the same for a minute.
 * One cheap question from time to time, over a connection of its own, answers for all queries that wait at that agent. An
 * agent that has lost the cluster counts as lost too: it has nothing to say.
 */
import type { Timer, Timers } from "../../runtime/timer.ts";
import { type RegistryHttp, statusError } from "../http/registry-http.ts";

export interface AgentPulse {
  /** Tells until it is disposed: `onBeat` after each answer, `onLost` once, when none came. */
  follow(host: string, onBeat: () => void, onLost: (error: Error) => void): Disposable;
}

export function createAgentPulse(options: {
  readonly http: RegistryHttp;
  readonly timers: Timers;
  /** Between an answer and the next question, in ms. */
  readonly probeMs: number;
  readonly timeoutMs: number;
}): AgentPulse {
  const { http, timers, probeMs, timeoutMs } = options;
  const agents = new Map<string, Agent>();

  async function probe(host: string, agent: Agent): Promise<void> {
    const request = { method: "GET", path: "/v1/status/leader", host, timeoutMs } as const;
    try {
      const response = await http.request(request);
      if (response.status >= 500) throw statusError(request, response, response.text());
      for (const follower of agent.followers) follower.onBeat();
      if (agent.followers.size > 0) agent.timer = timers.after(probeMs, () => void probe(host, agent));
    } catch (error) {
      if (agents.get(host) === agent) agents.delete(host);
      for (const follower of agent.followers) follower.onLost(error as Error);
    }
  }

  return {
    follow(host, onBeat, onLost) {
      let agent = agents.get(host);
      if (agent === undefined) {
        const started: Agent = { followers: new Set(), timer: undefined };
        started.timer = timers.after(probeMs, () => void probe(host, started));
        agents.set(host, started);
        agent = started;
      }
      const [followed, follower] = [agent, { onBeat, onLost }];
      followed.followers.add(follower);
      return {
        [Symbol.dispose]() {
          followed.followers.delete(follower);
          if (followed.followers.size > 0) return;
          followed.timer?.cancel();
          if (agents.get(host) === followed) agents.delete(host);
        },
      };
    },
  };
}

interface Agent {
  readonly followers: Set<{ onBeat(): void; onLost(error: Error): void }>;
  timer: Timer | undefined;
}
