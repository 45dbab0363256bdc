/**
 * Progress on standard error: on a terminal one line that is written over, elsewhere a line for each step and
 * for each thousand orders.
 */
import { styleText } from "node:util";
import type { Burst } from "./burst.ts";
import { count } from "./format.ts";

export interface Progress {
  /** A step begins; the line before it stays. */
  step(text: string): void;
  /** Shows how far the burst is, until it is stopped. */
  follow(burst: Burst): Disposable;
}

export function createProgress(stream: NodeJS.WriteStream): Progress {
  const isTerminal = stream.isTTY === true;
  let line = "";

  function show(text: string): void {
    line = text;
    stream.write(`\r\x1b[K${text}`);
  }

  return {
    step(text) {
      if (isTerminal && line !== "") stream.write("\r\x1b[K");
      line = "";
      stream.write(`${styleText("dim", text, { stream })}\n`);
    },
    follow(burst) {
      let told = 0;
      const timer = setInterval(() => {
        const { answered, elapsedMs, failed } = burst;
        const rate = count(Math.round((1000 * answered) / elapsedMs));
        const text = `  ${count(answered)} orders, ${rate} a second, ${count(failed)} failed`;
        if (isTerminal) return show(text);
        if (answered - told < 1000) return;
        told = answered;
        stream.write(`${text}\n`);
      }, 100);
      return {
        [Symbol.dispose]() {
          clearInterval(timer);
          if (isTerminal && line !== "") stream.write("\r\x1b[K");
          line = "";
        },
      };
    },
  };
}
