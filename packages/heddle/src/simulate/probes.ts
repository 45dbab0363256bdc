/** Probes on their way: who asked whom, and when. Numbers are used again when the answer has come. */
export interface Probes {
  add(client: number, replica: number, sentNs: number): number;
  clientOf(probe: number): number;
  replicaOf(probe: number): number;
  sentNs(probe: number): number;
  free(probe: number): void;
}

export function createProbes(): Probes {
  const clients: number[] = [];
  const replicas: number[] = [];
  const sentNs: number[] = [];
  const free: number[] = [];
  return {
    add(client, replica, nowNs) {
      const probe = free.pop() ?? clients.length;
      clients[probe] = client;
      replicas[probe] = replica;
      sentNs[probe] = nowNs;
      return probe;
    },
    clientOf: (probe) => clients[probe] as number,
    replicaOf: (probe) => replicas[probe] as number,
    sentNs: (probe) => sentNs[probe] as number,
    free: (probe) => {
      free.push(probe);
    },
  };
}
