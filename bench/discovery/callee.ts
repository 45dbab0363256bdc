/** A server behind all instances that the pickers connect to. */
import { createServer } from "heddle";
import { serveParent } from "./worker.ts";

export type CalleeTasks = typeof tasks;

const tasks = {
  async start(): Promise<string> {
    return (await createServer({ services: [], listen: "127.0.0.1:0" })).address;
  },
};

serveParent(tasks);
