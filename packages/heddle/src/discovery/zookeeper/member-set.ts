/**
 * The members of one name by node, and which endpoints follow from them. Two nodes may speak of one instance: after a
 * process lost its session, its old node stands beside the new one until the ensemble has ended the old session. The node
 * that was created last counts, and its absence brings the other one back.
 */
import type { Endpoint } from "../endpoint.ts";
import type { Member } from "./layout.ts";

export interface MemberSet {
  /** By node: what it says now; undefined when it is gone or no instance. */
  put(node: string, member: MemberOfNode | undefined): void;
  /** The nodes that are members. */
  readonly nodes: Iterable<string>;
  /** All endpoints. */
  endpoints(): Endpoint[];
  /** What the endpoints of the ids touched since the last call are now. */
  takeChanges(): { readonly upserted: readonly Endpoint[]; readonly removed: readonly string[] };
}

export interface MemberOfNode extends Member {
  readonly createdZxid: bigint;
}

export function createMemberSet(): MemberSet {
  const byNode = new Map<string, MemberOfNode>();
  const nodesOfId = new Map<string, Set<string>>();
  const touched = new Set<string>();

  function current(id: string): Endpoint | undefined {
    let last: MemberOfNode | undefined;
    for (const node of nodesOfId.get(id) ?? []) {
      const member = byNode.get(node) as MemberOfNode;
      if (last === undefined || member.createdZxid > last.createdZxid) last = member;
    }
    return last?.endpoint;
  }

  return {
    put(node, member) {
      const before = byNode.get(node)?.endpoint.id;
      if (before !== undefined) {
        touched.add(before);
        byNode.delete(node);
        const nodes = nodesOfId.get(before);
        nodes?.delete(node);
        if (nodes?.size === 0) nodesOfId.delete(before);
      }
      if (member === undefined) return;
      const { id } = member.endpoint;
      touched.add(id);
      byNode.set(node, member);
      nodesOfId.set(id, (nodesOfId.get(id) ?? new Set()).add(node));
    },
    get nodes() {
      return byNode.keys();
    },
    endpoints() {
      touched.clear();
      return [...nodesOfId.keys()].map((id) => current(id) as Endpoint);
    },
    takeChanges() {
      const upserted: Endpoint[] = [];
      const removed: string[] = [];
      for (const id of touched) {
        const endpoint = current(id);
        if (endpoint === undefined) removed.push(id);
        else upserted.push(endpoint);
      }
      touched.clear();
      return { upserted, removed };
    },
  };
}
